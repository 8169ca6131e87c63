"""Exercises: `check` judges answers, `trials` runs them, `source` shows our sources."""
