"""The web pages and the HTTP API: parse, authorise, call the ledger, render."""
