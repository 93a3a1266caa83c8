"""The commands, as somebody types them."""

from __future__ import annotations

import json
import subprocess


from conftest import ROOT, TRUSTSPAN, Standin
from spans import llm_attributes, request

FIXTURES = ROOT / "tests/fixtures/dialects"


def run(*args: str, text: str | bytes = "") -> subprocess.CompletedProcess:
    data = text.encode() if isinstance(text, str) else text
    return subprocess.run([TRUSTSPAN, *args], input=data, capture_output=True, timeout=60)


def test_version_and_help():
    assert run("version").stdout.startswith(b"trustspan ")
    assert b"validate" in run("--help").stdout
    assert run("nonsense").returncode == 2


def test_components_names_all_and_their_settings():
    text = run("components").stdout.decode()
    for name in ("otlp", "trust", "local", "cleanlab", "tlm", "otlp_grpc", "phoenix", "debug"):
        assert f"name: {name}\n" in text
    assert "key: protocols.grpc.endpoint" in text and "key: retry_on_failure.max_interval" in text


def test_validate_is_silent_when_all_is_well(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("exporters: {debug: {}}\n")
    done = run("validate", "--config", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = run("validate", "--config", str(path), "--set", "exporters.debug.verbosity=loud")
    assert done.returncode == 1 and b"'loud' is none of basic, detailed" in done.stderr


def test_inspect_reads_json_and_protobuf_alike():
    from_json = run("inspect", str(FIXTURES / "openinference.json"))
    assert from_json.returncode == 0
    spans = json.loads(from_json.stdout)["spans"]
    assert spans["1b2c22d16ffac242"]["provider"] == "openai"
    message = request([("llm", llm_attributes("Who?", "Me."))])
    message.resource_spans[0].scope_spans[0].spans[0].span_id = b"\x01" * 8
    from_proto = run("inspect", "-", text=message.SerializeToString())
    record = json.loads(from_proto.stdout)["spans"]["01" * 8]
    assert record["response"] == "Me." and record["skip_reason"] is None
    assert run("inspect", "-", text="{\"resourceSpans\": 3}").returncode == 1


def explained(fixture: str) -> dict[str, dict]:
    done = run("inspect", "--explain", str(FIXTURES / f"{fixture}.json"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["spans"]


def test_explain_names_the_rule_and_the_attributes_of_each_field():
    spans = explained("openinference")
    chat = spans["1b2c22d16ffac242"]["explain"]
    assert chat["kind"] == {"rule": "openinference.span.kind", "from": ["openinference.span.kind"]}
    assert chat["messages"]["rule"] == "openinference, number 1 of 16 sources of content"
    assert set(chat["messages"]["from"]) == {"llm.input_messages.*.message.role",
                                             "llm.input_messages.*.message.content"}
    assert chat["response"]["from"] == ["llm.output_messages.*.message.content"]
    assert chat["model"]["from"] == ["llm.model_name"]
    assert chat["finish_reason"]["from"] == ["output.value"]
    assert "dialect" not in chat and "tools" not in chat
    events = explained("otel_genai_events")
    assert any("event gen_ai.choice: " in source for record in events.values()
               for source in record["explain"].get("response", {"from": []})["from"])


def test_explain_says_what_other_spans_have_to_do_with_it():
    pairs = [r for fixture in ("openinference", "google_adk", "frameworks")
             for r in explained(fixture).values() if r["skip_reason"] == "duplicate"]
    assert pairs
    for record in pairs:
        assert record["explain"]["duplicate_of"]["from"] == ["other spans of the trace"]
        assert record["explain"]["skip_reason"]["from"] == ["other spans of the trace"]


def test_no_field_of_any_fixture_comes_from_nowhere():
    names = sorted(p.name.removesuffix(".expected.json") for p in FIXTURES.glob("*.expected.json"))
    assert len(names) >= 14
    for name in names:
        for span, record in explained(name).items():
            nowhere = [f for f, e in record["explain"].items() if not e["from"]]
            unknown = record["explain"]["kind"]["rule"] == "nothing says what it is"
            assert nowhere == (["kind", "skip_reason"] if unknown else []), (name, span)


def test_score_with_the_local_scorer_keeps_the_order():
    lines = [
        {"id": 1, "prompt": "q1", "response": "I don't know."},
        {"id": 2, "prompt": "q2", "response": "Fine."},
        {"id": 3, "prompt": "q3", "response": "a", "logprobs": [{"token": "a", "logprob": -0.1}]},
        {"id": 4, "messages": [{"role": "user", "content": "q4"}], "response": "x",
         "finish_reason": "length"},
        {"id": 5, "prompt": "q"},
    ]
    done = run("score", "--scorer", "local", "-", text="\n".join(map(json.dumps, lines)) + "\n\n{")
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert [o.get("id") for o in out] == [1, 2, 3, 4, 5, None]
    assert [o["decision"] for o in out] == ["scored", "skipped", "scored", "scored", "failed",
                                            "failed"]
    assert out[0]["trustworthiness_score"] == 0.3 and out[0]["explanation"]
    assert out[1]["trustworthiness_score"] is None
    assert out[1]["reason"] == "insufficient_evidence"
    assert "line 5: 'response' is missing" in out[4]["reason"]
    assert done.returncode == 1


def test_a_line_that_is_too_long_fails_alone(tmp_path):
    good = json.dumps({"prompt": "q", "response": "I don't know."})
    path = tmp_path / "in.jsonl"
    path.write_text(f"{good}\n{'x' * (65 << 20)}\n{good}")
    done = run("score", "--scorer", "local", str(path))
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(o["line"], o["decision"]) for o in out] == [(1, "scored"), (2, "failed"), (3, "scored")]
    assert out[1]["reason"] == "line 2: longer than 64 MiB" and done.returncode == 1


def test_an_input_that_cannot_be_read_is_an_error(tmp_path):
    done = run("score", "--scorer", "local", str(tmp_path))
    assert done.returncode == 1 and b"cannot read" in done.stderr


def test_an_output_stays_as_private_as_it_was(tmp_path):
    out, link = tmp_path / "out.jsonl", tmp_path / "link"
    out.write_text('{"id":1,"decision":"failed"}\n{"id":2,"decision":"scored"}\n{"id":3,"deci')
    out.chmod(0o600)
    link.symlink_to(out)
    text = "".join(json.dumps({"id": i, "prompt": "q", "response": "I don't know."}) + "\n"
                   for i in (1, 2, 3))
    assert run("score", "--scorer", "local", "--output", str(link), "-", text=text).returncode == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(x["id"], x["decision"]) for x in lines] == [(i, "scored") for i in (2, 1, 3)]
    assert oct(out.stat().st_mode)[-3:] == "600" and link.is_symlink()


def test_the_local_scorer_compares_answers_to_one_prompt():
    lines = [{"prompt": "Which metal melts in the hand?", "response": r}
             for r in ("Gallium.", "Gallium.", "It is mercury.")]
    done = run("score", "--scorer", "local", "-", text="\n".join(map(json.dumps, lines)) + "\n")
    first, same, other = (json.loads(line) for line in done.stdout.splitlines())
    assert first["decision"] == "skipped"
    assert same["trustworthiness_score"] == 1 and same["signals"] == "agreement"
    assert other["trustworthiness_score"] == 0 and "2 other answers" in other["explanation"]
    assert other["line"] == 3


def test_score_with_cleanlab(start, tmp_path):
    tlm = start(Standin, "tlm")
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"scorers": {"cleanlab": {
        "base_url": f"http://127.0.0.1:{tlm.control_port}/api", "api_key": "test-key"}}}))
    lines = "".join(json.dumps({"id": i, "prompt": "q", "response": f"r{i}"}) + "\n"
                    for i in range(300))
    done = run("score", "--config", str(path), "--scorer", "cleanlab", "-", text=lines)
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert [o["id"] for o in out] == list(range(300))
    assert all(o["decision"] == "scored" and 0 <= o["trustworthiness_score"] <= 1 for o in out)


def test_a_cleanlab_score_that_lost_its_explanation_is_asked_for_again(start, tmp_path):
    tlm = start(Standin, "tlm")
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"scorers": {"cleanlab": {
        "base_url": f"http://127.0.0.1:{tlm.control_port}/api", "api_key": "test-key",
        "retry_unit": "1ms", "reasoning_effort": "none", "num_consistency_samples": 0}}}))
    args = ["score", "--config", str(path), "--scorer", "cleanlab", "--cache", str(tmp_path / "s"), "-"]
    line = json.dumps({"id": 1, "prompt": "q", "response": "r"}) + "\n"

    def score() -> dict:
        return json.loads(run(*args, text=line).stdout)

    tlm.control(lose="get_explanation")
    lost = score()
    assert lost["decision"] == "scored" and "explanation" not in lost
    tlm.control(lose="")
    found, cached = score(), score()
    assert (found["decision"], cached["decision"]) == ("scored", "cached")
    assert found["explanation"] and cached["explanation"] == found["explanation"]


def test_debug_exporter_prints_what_passes(start, tmp_path):
    from conftest import Trustspan, wait_for
    from spans import Sender

    trustspan = start(Trustspan, {"exporters": {"debug": {"verbosity": "detailed"}}})
    message = request([("llm", llm_attributes("q", "I don't know."))])
    Sender(trustspan.endpoint).send(message.SerializeToString())
    wait_for(lambda: '"evaluation":"trustworthiness"' in trustspan.process.log())
    line = next(x for x in trustspan.process.log().splitlines() if x.startswith('{"resourceSpans"'))
    keys = [a["key"] for a in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
            ["attributes"]]
    assert "trustworthiness.score" in keys
