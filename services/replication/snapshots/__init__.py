"""Exchanges snapshots through the object store: masters offer them, followers fetch them."""
