"""The demo's app with a second exporter that keeps what the SDK had, to compare with.

quiz.py FILE ROUNDS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "deploy/demo"))

import app  # noqa: E402 - found through the path above
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

kept = InMemorySpanExporter()


class Provider(TracerProvider):
    def __init__(self, *args: object, **kwargs: object):
        super().__init__(*args, **kwargs)
        self.add_span_processor(SimpleSpanProcessor(kept))


app.TracerProvider = Provider
app.QUESTIONS = app.QUESTIONS * int(sys.argv[2])
app.main()
Path(sys.argv[1]).write_text(json.dumps([
    {
        "span_id": f"{s.context.span_id:016x}",
        "parent_id": f"{s.parent.span_id:016x}" if s.parent else None,
        "name": s.name,
        "kind": s.attributes.get("openinference.span.kind"),
        "attributes": dict(s.attributes),
    }
    for s in kept.get_finished_spans()
], default=str))
