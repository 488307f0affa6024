"""The read-model updater: turns events into views, and tells Redis what changed."""
