"""I6: one holder of the leads, without an overlap and without a gap."""

from itertools import pairwise

from tests.durability.checks import Finding
from tests.durability.evidence import Evidence


def check_tenures(evidence: Evidence) -> Finding:
    """I6: tenures never overlap and, after the first, leave a gap only where a walk found nobody; nor did a reader
    who looked during the switches ever see none or two."""
    tenures = sorted(evidence.rows("tenure"), key=lambda row: row["id"])
    walks = sorted(evidence.rows("walk"), key=lambda row: row["id"])
    readings = [line for line in evidence.readings if line["kind"] == "holders"]
    finding = Finding(f"{len(tenures)} tenures, {len(readings)} readings")
    # By the order of the walks, not by their times: the database's clock may have been set back between.
    opened = [place for place, walk in enumerate(walks) if walk["holder"] is not None]
    nobody_between = [after - before > 1 for before, after in pairwise(opened)]
    for place, (earlier, later) in enumerate(pairwise(tenures)):
        ended, started = earlier["ended_at"], later["started_at"]
        name = f"tenures {earlier['id']} (until {ended}) and {later['id']} (from {started})"
        finding.expect(ended is not None and ended <= started, f"{name} overlap")
        if ended is not None and ended < started and earlier["end_reason"] != "programme_ended":
            finding.expect(nobody_between[place : place + 1] == [True], f"{name} leave a gap")
    finding.expect(len(evidence.open_tenures) <= 1, f"{len(evidence.open_tenures)} tenures are open")
    found = [walk["holder"] for walk in walks if walk["holder"] is not None]
    held = [tenure["partner_code"] for tenure in tenures]
    finding.expect(found == held, f"walks found {found}, tenures are of {held}")
    if walks and walks[-1]["holder"] is not None and not evidence.open_tenures:
        ended_so = tenures[-1]["end_reason"] == "programme_ended"
        finding.expect(ended_so, "nobody holds the leads, though the last walk found somebody")
    for line in readings:
        count, allowed = line["open"], {1} if line["last_walk_found"] and not line["over"] else {0, 1}
        finding.expect(count in allowed, f"a reader at {line['at']} saw {count} open tenures")
    return finding
