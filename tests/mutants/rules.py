"""The rules' mutants: each line of a rule that is changed, and the test that must turn red."""

from dataclasses import dataclass

PROGRAMME = "tests/programme"


@dataclass(frozen=True)
class RuleMutant:
    """One changed line (`old` stands in `file` once), and the test that must notice."""

    rule: str
    file: str
    old: str
    new: str
    test: str


RULES = [
    RuleMutant(
        "D1",
        "rasti/ledger/ranking_facts.py",
        "        col(InvoiceRevision.status) == InvoiceStatus.POSTED,\n",
        "",
        f"{PROGRAMME}/test_ranking.py::test_cancelled_invoices_do_not_count_D1",
    ),
    RuleMutant(
        "D2",
        "rasti/rules/growth.py",
        "if 2 * rest >= base:",
        "if 2 * rest > base:",
        f"{PROGRAMME}/test_ranking.py::test_growth_is_published_with_two_decimals_half_up_D2",
    ),
    RuleMutant(
        "D2",
        "rasti/rules/ranking.py",
        "return -growth, -bill.kits,",
        "return -growth, 0,",
        f"{PROGRAMME}/test_ranking.py::test_what_readers_see_as_equal_is_equal_and_kits_decide_R3_D2",
    ),
    RuleMutant(
        "D3",
        "rasti/rules/ranking.py",
        "    if bill.partner in eligibility.holders:\n        return NotRanked.HOLDS_THE_LEADS\n",
        "",
        f"{PROGRAMME}/test_versions.py::test_who_was_handed_a_lead_is_an_input_and_leaves_the_ranking_R5_D5",
    ),
    RuleMutant(
        "D3",
        "rasti/rules/ranking.py",
        "bill.billed <= bill.previous",
        "bill.billed < bill.previous",
        f"{PROGRAMME}/test_ranking.py::test_who_is_not_ranked_is_listed_with_a_reason_D3",
    ),
    RuleMutant(
        "D4",
        "rasti/rules/programme.py",
        "if now < month.ends_at(self.zone):",
        "if now < month.starts_at(self.zone):",
        f"{PROGRAMME}/test_ranking.py::test_a_month_that_has_not_ended_is_refused_D4",
    ),
    RuleMutant(
        "D4",
        "rasti/rules/programme.py",
        "if month < self.first_month or (self.last_month is not None and month > self.last_month):",
        "if month < self.first_month:",
        f"{PROGRAMME}/test_ranking.py::test_a_month_outside_the_programme_is_refused_D4",
    ),
    RuleMutant(
        "D5",
        "rasti/ledger/ranking_facts.py",
        '            "partners": _digest(states),\n',
        "",
        f"{PROGRAMME}/test_versions.py::test_the_states_of_partners_with_lines_are_an_input_D5",
    ),
    RuleMutant(
        "D5",
        "rasti/ledger/ranking_facts.py",
        "self.rules.ranking_digest",
        "self.rules.digest",
        f"{PROGRAMME}/test_versions.py::test_rules_that_ranking_does_not_read_make_no_new_version_D5",
    ),
    RuleMutant(
        "D5",
        "rasti/ledger/versions.py",
        "    if found is not None:\n        return view_of(tx, found)\n",
        "",
        f"{PROGRAMME}/test_versions.py::test_the_same_inputs_are_one_version_D5",
    ),
    RuleMutant(
        "D6",
        "rasti/ledger/rankings.py",
        "    if view.complete:\n        return\n",
        "    return\n",
        f"{PROGRAMME}/test_versions.py::test_an_incomplete_version_needs_the_reason_of_an_operator_D6",
    ),
    RuleMutant(
        "D6",
        "rasti/ledger/months.py",
        "{str(month), str(month.previous)}",
        "{str(month)}",
        f"{PROGRAMME}/test_versions.py::test_a_quarantined_row_of_either_month_makes_the_ranking_incomplete_D6",
    ),
    RuleMutant(
        "D1",
        "rasti/rules/spelling.py",
        '" ".join(text.casefold().split())',
        "text.casefold()",
        f"{PROGRAMME}/test_invoice_spelling.py::test_a_no_break_space_makes_no_second_invoice_D1",
    ),
    RuleMutant(
        "D6",
        "rasti/rules/spelling.py",
        'partition(APART)[0].lstrip("0")',
        "partition(APART)[0]",
        f"{PROGRAMME}/test_invoice_spelling.py::"
        "test_zeros_lost_on_the_way_keep_the_month_incomplete_until_an_operator_says_which_D6",
    ),
    RuleMutant(
        "D6",
        "rasti/ledger/months.py",
        '    missing += [{"what": "unknown_issuer"} | stranger.as_json() for stranger in strangers]\n',
        "",
        f"{PROGRAMME}/test_invoice_spelling.py::test_an_unknown_issuer_makes_the_month_incomplete_and_is_named_D6",
    ),
    RuleMutant(
        "D7",
        "rasti/ledger/rankings.py",
        '                    "kits_sold": entry.kits_sold,\n',
        '                    "kits_sold": entry.kits_sold,\n                    "billed": str(entry.billed),\n',
        f"{PROGRAMME}/test_versions.py::test_the_three_best_are_announced_R4_D7",
    ),
    RuleMutant(
        "D8",
        "rasti/ledger/leads.py",
        "if ends_at is not None and tx.now >= ends_at:",
        "if False:",
        f"{PROGRAMME}/test_tenures.py::test_after_the_end_nothing_is_handed_over_and_nobody_is_named_D8",
    ),
    RuleMutant(
        "D8",
        "rasti/ledger/tenures.py",
        "            end_tenure(tx, tenure, TenureEnd.SWITCHED if walked else TenureEnd.NEXT_MONTH)\n",
        "            pass\n",
        f"{PROGRAMME}/test_tenures.py::test_the_holder_stays_until_the_next_activation_D8",
    ),
    RuleMutant(
        "D9",
        "rasti/ledger/tenures.py",
        "if walked is not None and not switch:",
        "if holder is not None and not switch:",
        f"{PROGRAMME}/test_tenures.py::test_activating_again_after_it_was_found_exhausted_is_no_operation_D9",
    ),
    RuleMutant(
        "D9",
        "rasti/ledger/tenure_walk.py",
        "    tenure.ranking_id, tenure.place = ranking.id, found.place\n",
        "",
        f"{PROGRAMME}/test_switches.py::test_a_switch_that_finds_the_present_holder_takes_the_new_version_D9",
    ),
    RuleMutant(
        "D9",
        "rasti/rules/fallback.py",
        "if place <= below:",
        "if False:",
        f"{PROGRAMME}/test_switches.py::test_a_fallback_goes_strictly_down_D9",
    ),
    RuleMutant(
        "D9",
        "rasti/ledger/tenure_walk.py",
        "                col(Violation.reversed_at).is_(None),\n",
        "",
        f"{PROGRAMME}/test_activation.py::test_a_reversed_violation_is_not_counted_D9",
    ),
    RuleMutant(
        "D9",
        "rasti/ledger/tenure_walk.py",
        "    return max(held, default=0)\n",
        "    return 0\n",
        f"{PROGRAMME}/test_switches.py::"
        "test_a_fallback_after_a_partner_without_a_place_goes_below_the_lowest_place_that_held_D9",
    ),
    RuleMutant(
        "D10",
        "rasti/ledger/tenures.py",
        "            return move_on(tx, tenure, TenureEnd.SUSPENDED, reason=reason)\n",
        "            return tenure.partner_code\n",
        f"{PROGRAMME}/test_switches.py::test_declining_or_suspending_moves_on_and_leads_in_work_stay_D10",
    ),
    RuleMutant(
        "D11",
        "rasti/rules/regulation.py",
        "return max(received_at, window.opens_at_or_after(tenure_started_at))",
        "return received_at",
        f"{PROGRAMME}/test_clocks.py::test_a_switch_at_three_in_the_night_topples_nobody_before_nine_D11",
    ),
    RuleMutant(
        "D11",
        "rasti/rules/regulation.py",
        "    opens_at = max(window.opens_at, due_before)\n",
        "    opens_at = window.opens_at\n",
        f"{PROGRAMME}/test_holidays.py::test_nothing_is_due_on_a_holiday_before_the_first_call_is_D11",
    ),
    RuleMutant(
        "D11",
        "rasti/rules/regulation.py",
        "stays = window.due_at > opens_at and call_window.is_open(window.due_at)",
        "stays = window.due_at > opens_at",
        f"{PROGRAMME}/test_clocks.py::"
        "test_call_window_applies_always_moves_other_due_times_to_the_end_of_the_next_hours_of_calls_D11",
    ),
    RuleMutant(
        "D11",
        "rasti/rules/working_days.py",
        "        if day in self.days_on:\n            return True\n",
        "",
        f"{PROGRAMME}/test_holidays.py::test_days_off_and_worked_saturdays_are_the_operators_D11",
    ),
    RuleMutant(
        "D11",
        "rasti/ledger/attempts.py",
        "    if attempt.received_at is not None or attempt.ended_at is not None:\n        return\n",
        "    if attempt.ended_at is not None:\n        return\n",
        f"{PROGRAMME}/test_clocks.py::"
        "test_opening_the_lead_in_the_cabinet_starts_the_clock_and_the_late_mail_does_not_D11",
    ),
    RuleMutant(
        "D12",
        "rasti/rules/regulation.py",
        "    if now <= window.due_at:\n",
        "    if now < window.due_at:\n",
        f"{PROGRAMME}/test_checkpoints.py::test_exactly_at_the_due_instant_nothing_is_overdue_yet_D12",
    ),
    RuleMutant(
        "D12",
        "rasti/rules/regulation.py",
        "contact.checklist >= CHECKLISTS[kind]",
        "contact.checklist",
        f"{PROGRAMME}/test_checkpoints.py::test_the_first_call_needs_all_of_its_checklist_R12",
    ),
    RuleMutant(
        "D12",
        "rasti/ledger/settle.py",
        "                judge_overdue(tx, lead)\n",
        "",
        f"{PROGRAMME}/test_checkpoints.py::test_a_contact_first_judges_what_is_overdue_D12_D15",
    ),
    RuleMutant(
        "D12",
        "rasti/rules/regulation.py",
        "is_call and (not calls or contact.began_at - calls[-1].began_at >= rules.no_answer.apart)",
        "is_call",
        f"{PROGRAMME}/test_calls.py::test_what_is_enough_when_the_client_does_not_pick_up_D12",
    ),
    RuleMutant(
        "D12",
        "rasti/rules/regulation.py",
        "return outcome is not Outcome.REACHED or not missing_items(began_at, windows, checklist)",
        "return True",
        f"{PROGRAMME}/test_calls.py::"
        "test_an_incomplete_log_leaves_the_call_open_and_the_next_complete_one_completes_it_D12",
    ),
    RuleMutant(
        "D12",
        "rasti/ledger/settle.py",
        "            _rehearse(book, lead_id, change)\n",
        "",
        f"{PROGRAMME}/test_refusals.py::test_a_refused_command_writes_nothing_though_a_checkpoint_is_overdue_D12",
    ),
    RuleMutant(
        "D13",
        "rasti/ledger/tenure_walk.py",
        "                before,\n",
        "",
        f"{PROGRAMME}/test_order.py::test_a_walk_looks_only_at_violations_before_its_own_D13",
    ),
    RuleMutant(
        "D13",
        "rasti/ledger/tenures.py",
        "        lead_month = _present_month(tx, tenure)\n        check_settled(tx)\n",
        "        lead_month = _present_month(tx, tenure)\n",
        f"{PROGRAMME}/test_order.py::test_who_decides_about_the_holder_finds_what_came_before_done_D13",
    ),
    RuleMutant(
        "D13",
        "rasti/ledger/violations.py",
        "Verdict.MET if is_satisfied(tx, checkpoint) else Verdict.VIOLATED",
        "Verdict.VIOLATED",
        f"{PROGRAMME}/test_outcomes.py::"
        "test_a_violation_by_hand_on_a_satisfied_first_hour_does_not_move_the_lead_and_counts_D13",
    ),
    RuleMutant(
        "D13",
        "rasti/ledger/fallback.py",
        "switched = tenure is not None and attempt.tenure_id == tenure.id",
        "switched = tenure is not None",
        f"{PROGRAMME}/test_fallback.py::test_five_neglected_leads_of_one_holder_make_one_switch_D13",
    ),
    RuleMutant(
        "D13",
        "rasti/ledger/fallback.py",
        "neglected = checkpoint.kind is CheckpointKind.FIRST_HOUR and",
        "neglected =",
        f"{PROGRAMME}/test_fallback.py::test_a_later_violation_switches_and_the_lead_stays_D13",
    ),
    RuleMutant(
        "D14",
        "rasti/ledger/fallback.py",
        "    if len(automatic) >= rules_of(tx, attempt).automatic_attempts:\n",
        "    if len(automatic) > rules_of(tx, attempt).automatic_attempts:\n",
        "tests/integration/test_pauses.py::test_a_lead_neglected_twice_is_paused_and_a_third_partner_is_not_toppled",
    ),
    RuleMutant(
        "D14",
        "rasti/ledger/handover.py",
        "return PauseReason.WOULD_RETURN if tenure.partner_code in moved_from else None",
        "return None",
        f"{PROGRAMME}/test_fallback.py::test_a_lead_that_would_go_back_is_paused_D14",
    ),
    RuleMutant(
        "D14",
        "rasti/ledger/attempts.py",
        "        elif point.verdict is None:\n",
        "        elif False:\n",
        f"{PROGRAMME}/test_same_verdict.py::test_closing_in_time_voids_what_is_open_D12_D14",
    ),
    RuleMutant(
        "D14",
        "rasti/ledger/attempts.py",
        "        if point.verdict is None and point.kind in met:\n",
        "        if False:\n",
        f"{PROGRAMME}/test_outcomes.py::test_a_satisfied_checkpoint_of_an_attempt_that_ends_is_met_D14",
    ),
    RuleMutant(
        "D15",
        "rasti/ledger/contacts.py",
        "    if contact.outcome in WORDS_OF_CAUTION:\n",
        "    if False:\n",
        f"{PROGRAMME}/test_outcomes.py::"
        "test_what_a_former_holder_hears_from_the_client_is_told_once_and_pauses_nothing_D15",
    ),
    RuleMutant(
        "D15",
        "rasti/ledger/contacts.py",
        '            f"{lead.id}:{attempt.partner_code}",\n',
        '            f"{contact.id}",\n',
        f"{PROGRAMME}/test_outcomes.py::"
        "test_what_a_former_holder_hears_from_the_client_is_told_once_and_pauses_nothing_D15",
    ),
    RuleMutant(
        "D15",
        "rasti/ledger/contacts.py",
        "    if get_partner(tx, partner).suspended_at is not None:\n",
        "    if False:\n",
        f"{PROGRAMME}/test_outcomes.py::"
        "test_a_suspended_former_holder_adds_nothing_and_works_on_with_what_they_have_D10_D15",
    ),
    RuleMutant(
        "D15",
        "rasti/ledger/contacts.py",
        '        raise Forbidden("{partner} has never held lead {id}.", partner=partner, id=lead.id)\n',
        "        return tx.all(select(Attempt).where(col(Attempt.lead_id) == lead.id))[0]\n",
        f"{PROGRAMME}/test_outcomes.py::test_a_contact_by_a_partner_who_never_held_the_lead_is_refused_D15",
    ),
    RuleMutant(
        "D16",
        "rasti/ledger/handover.py",
        "col(Lead.moved_at).is_(None), col(Lead.requested_at)",
        "col(Lead.requested_at)",
        f"{PROGRAMME}/test_waiting.py::test_moved_leads_are_handed_over_before_the_waiting_ones_D16",
    ),
    RuleMutant(
        "D16",
        "rasti/ledger/handover.py",
        "return tenure if in_last_hour < rules.drain_per_hour else None",
        "return tenure",
        f"{PROGRAMME}/test_waiting.py::test_leads_wait_and_drain_in_order_ten_in_a_rolling_hour_D16",
    ),
    RuleMutant(
        "D16",
        "rasti/ledger/handover.py",
        "    if not CallWindow.of(rules, tx.programme.zone).is_open(tx.now):\n        return None\n",
        "",
        f"{PROGRAMME}/test_waiting.py::test_waiting_leads_are_handed_over_inside_the_call_window_only_D16",
    ),
    RuleMutant(
        "D17",
        "rasti/ledger/leads.py",
        "    if known.body_digest != body.digest():\n",
        "    if known.body_digest == body.digest():\n",
        f"{PROGRAMME}/test_arrivals.py::test_a_redelivered_lead_is_the_same_lead_D17",
    ),
    RuleMutant(
        "D17",
        "rasti/ledger/leads.py",
        "if root.arrived_at >= since:",
        "if True:",
        f"{PROGRAMME}/test_arrivals.py::test_the_thirty_days_run_from_arrival_D17",
    ),
]
