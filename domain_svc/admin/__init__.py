"""What operators ask of streams: their commits, their state, and what followed from a command."""
