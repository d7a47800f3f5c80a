"""Data inside a page's script.

Guarantee: whatever a model wrote stays data: no `</script>` ends the script, no `<!--` hides the rest of it, and no
line separator ends a line. Source: HTML, "Restrictions for contents of script elements".
"""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["ScriptJSON", "script_json"]

_ESCAPES: Final = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


class ScriptJSON(json.JSONEncoder):
    """JSON that may stand in a script: signs that HTML reads are escaped. They stand in strings alone."""

    def encode(self, o: Any) -> str:
        """The value as JSON."""
        return super().encode(o).translate(_ESCAPES)


def script_json(value: Any) -> str:
    """The value as JSON that may stand in a script."""
    return json.dumps(value, cls=ScriptJSON, ensure_ascii=False, allow_nan=False)
