"""Exercises: ``check`` judges answers, ``trials`` tries them, ``source`` shows our sources."""
