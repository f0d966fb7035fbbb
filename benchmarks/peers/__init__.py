"""What rasti is measured against; each module runs in .venv-bench, where rasti is not installed."""
