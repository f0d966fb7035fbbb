"""The warm worker for Prefect; importing this package registers its type (entry point `prefect.collections`)."""

from rasti.worker.warm import WarmWorker

__all__ = ["WarmWorker"]
