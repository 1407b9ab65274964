"""Graders of reinforcement training: checked before a job begins, then at work on every answer."""

from core.graders.definitions import BadGrader, check, fields_of
from core.graders.grading import Grader, Grading

__all__ = ["BadGrader", "Grader", "Grading", "check", "fields_of"]
