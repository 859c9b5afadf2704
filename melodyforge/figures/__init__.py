"""Plain numbers that describe music: by them compositions are told from real music. Knows pieces only."""
