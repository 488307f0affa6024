"""The aggregates of the shop, one file each: events, state, evolve, decisions."""
