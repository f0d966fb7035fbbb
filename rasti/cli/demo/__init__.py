"""`rasti up --demo`: the whole programme in a minute and a half, on example data."""
