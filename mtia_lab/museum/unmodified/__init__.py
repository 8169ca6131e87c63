"""Exhibits in which the code that is wrong is the project's own, as it is installed here.

They have the form of those in `exhibits/`, but what `mended` changes stands around that code. One
that takes a package says in `NEEDS` which, and raises `ExhibitMissing` without it.
"""
