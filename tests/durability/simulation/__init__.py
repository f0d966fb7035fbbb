"""The ledger, the relay and the guard under a virtual clock and seeded faults: one seed is one schedule."""
