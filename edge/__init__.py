"""REST: commands in, views out. Built from the contract; it knows no domain."""
