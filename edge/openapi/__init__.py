"""The API's description, made of the contract."""
