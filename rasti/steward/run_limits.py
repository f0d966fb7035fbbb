"""How long a flow run may take, by the name of its flow: Prefect ends one that takes longer."""

from types import MappingProxyType

# Seconds.
TIMEOUTS = MappingProxyType(
    {
        "lead": 120,
        "checkpoint": 120,
        "fallback": 120,
        "sweep": 280,
        "ingest-invoices": 3600,
        "monthly-ranking": 3600,
    }
)
