"""The admin plane that every worker has: who may call it, status, pause, dead letters."""
