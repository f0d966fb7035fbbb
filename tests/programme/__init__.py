"""The rules of the programme, played through the command line on a sandbox; a file a group of rules."""
