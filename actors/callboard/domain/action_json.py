"""Actions of triggers as they are stored, and back."""

from __future__ import annotations

from typing import Any

from callboard.domain.given_terms import given_terms_from_json, given_terms_to_json
from callboard.domain.trigger import Action


def action_to_json(action: Action) -> dict[str, Any]:
    """With terms only where there are any: releases before them read the others."""
    stored: dict[str, Any] = {"job": action.job, "arguments": action.arguments}
    if action.terms is not None:
        stored["terms"] = given_terms_to_json(action.terms)
    return stored


def action_from_json(stored: dict[str, Any]) -> Action:
    """From what `action_to_json` made of it; the dictionary is used up."""
    if "terms" in stored:
        stored["terms"] = given_terms_from_json(stored["terms"])
    return Action(**stored)
