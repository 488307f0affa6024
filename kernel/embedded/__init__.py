"""The embedded engine: the ports of storage over SQLite files that several processes share."""
