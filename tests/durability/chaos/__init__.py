"""Real processes on loopback, killed, stopped and started again while leads arrive; then the checker."""
