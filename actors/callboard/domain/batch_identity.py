"""Identity of batch instances: a key made of the identifying parameters."""

from __future__ import annotations

import hashlib
import json

from callboard.domain.batch_arguments import Parameters, scalar


def identity_key(parameters: Parameters) -> str:
    """SHA-256, in hexadecimal, of names, types and canonical values of what identifies.

    The order in which they were given does not count, nor what does not identify; a number and its
    text differ. A job's name is no part of it: instances are kept by job. Made once, when an
    instance is created; nothing that is stored is ever hashed again.
    """
    named = [
        [name, parameters.types[name].value, scalar(value)]
        for name, value in sorted(parameters.identifying.items())
    ]
    text = json.dumps(named, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


NOTHING = identity_key(Parameters())
"""Of instances without any identifying parameter: there is one such in each job."""
