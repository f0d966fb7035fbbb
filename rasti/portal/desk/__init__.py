"""The operators' desk; every route of it needs TheOperator."""

from rasti.portal.desk import (
    doubts,
    imports,
    lead_steps,
    leads,
    month_steps,
    months,
    partner_steps,
    partners,
    today,
    trail,
    violations,
)

AREAS = (today, month_steps, months, lead_steps, leads, violations, partner_steps, partners, imports, doubts, trail)
