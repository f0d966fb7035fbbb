"""rasti: each month the partner who grew most gets the leads, and keeps them only while they are looked after."""
