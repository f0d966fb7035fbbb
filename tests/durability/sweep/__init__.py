"""A process kills itself at every named point in turn, is started again, and the checker looks."""
