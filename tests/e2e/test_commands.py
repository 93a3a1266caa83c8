"""The commands, as somebody types them."""

from __future__ import annotations

import json
import subprocess

import pytest

from conftest import ROOT, TRUSTSPAN, Standin, http
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


@pytest.mark.parametrize("line", [
    pytest.param({"prompt": "q", "response": "I don't know."}, id="scored"),
    pytest.param({"prompt": "q"}, id="failed"),
])
def test_more_lines_than_are_kept_in_flight_come_to_an_end(line):
    lines = "".join(json.dumps({"id": i, **line}) + "\n" for i in range(1000))
    done = run("score", "--scorer", "local", "-", text=lines)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == list(range(1000))


def test_the_local_scorer_compares_answers_to_one_prompt():
    lines = [{"prompt": "Which metal melts in the hand?", "response": r}
             for r in ("Gallium.", "Gallium.", "It is mercury.")]
    done = run("score", "--scorer", "local", "-", text="\n".join(map(json.dumps, lines)) + "\n")
    first, same, other = (json.loads(line) for line in done.stdout.splitlines())
    assert first["decision"] == "skipped"
    assert same["trustworthiness_score"] == 1 and same["signals"] == "agreement"
    assert other["trustworthiness_score"] == 0 and "2 other answers" in other["explanation"]
    assert "one does not say 'It is mercury.'" in other["explanation"]
    assert other["line"] == 3


TOOLS = [{"type": "function", "function": {
    "name": "book", "parameters": {"type": "object", "required": ["seats"],
                                   "properties": {"seats": {"type": "integer"}}}}}]


def score_one(line: dict, scorer: str = "local") -> dict:
    done = run("score", "--scorer", scorer, "-", text=json.dumps(line))
    return json.loads(done.stdout)


def call(name: str, arguments: object, **more: object) -> dict:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


@pytest.mark.parametrize("calls, tools, says", [
    pytest.param([call("fly", "{}")], TOOLS, "tool 'fly' was not offered", id="unknown tool"),
    pytest.param([call("book", '{"seats": "two"}')], TOOLS, "'seats' is a string",
                 id="arguments against the schema"),
    pytest.param([call("book", {"seats": "two"})], TOOLS, "'seats' is a string",
                 id="arguments that are an object already"),
    pytest.param([call("book", "{}")], TOOLS, "'seats' is missing", id="argument left out"),
    pytest.param([call("book", '{"seats": 2')], TOOLS, "break its schema", id="arguments cut off"),
    pytest.param([call("book", '{"seats": 2}')], TOOLS, None, id="arguments that fit"),
    pytest.param([call("book", '{"seats": 2}'), call("fly", "{}", id="c2")], TOOLS, "'fly'",
                 id="the second call is wrong"),
    pytest.param([call("fly", "{}")], None, None, id="no tools are known"),
])
def test_the_local_scorer_checks_calls_of_a_score_line(calls, tools, says):
    line = {"prompt": "Two seats, please.", "tools": tools}
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    for form in ({"response": message}, {"response": "", "tool_calls": calls}, {"tool_calls": calls}):
        out = score_one({**line, **form})
        if says:
            assert out["signals"] == "tools" and says in out["explanation"], form
            assert out["trustworthiness_score"] <= 0.2
        else:
            assert (out["decision"], out["reason"]) == ("skipped", "insufficient_evidence"), form


def test_text_parts_of_a_score_line_are_read():
    parts = [{"type": "text", "text": "When does train 4711 leave?"}, {"type": "text", "text": "And 12?"}]
    out = score_one({"messages": [{"role": "user", "content": parts}], "context": "It leaves at 06:30.",
                     "response": {"role": "assistant", "content": [
                         {"type": "text", "text": "Train 4711 and train 12 leave at 06:30."}]}})
    assert out["trustworthiness_score"] == 1 and "all 3 figures" in out["explanation"]
    text = '[{"type": "text", "text": "as it is"}]'  # a string is never taken for parts
    out = score_one({"prompt": "JSON?", "response": text, "response_format": {"type": "json_object"}})
    assert "it is no object" in out["explanation"]


def test_the_judge_sees_calls_results_and_tools_of_a_score_line(start, tmp_path):
    model = start(Standin, "llm")
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"scorers": {"tlm": {
        "base_url": f"http://127.0.0.1:{model.control_port}/v1", "api_key": "sk-test"}}}))
    line = {"messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Two seats, please."}], "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [call("book", '{"seats": 2}')]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "booked: 4A, 4B"}]}],
        "tools": TOOLS, "response": {"role": "assistant", "content": "Seats 4A and 4B are yours."}}
    done = run("score", "--config", str(path), "--no-cache", "--scorer", "tlm", "-",
               text=json.dumps(line))
    assert json.loads(done.stdout)["decision"] == "scored"
    sent = http(f"http://127.0.0.1:{model.control_port}/__calls")[0]["body"]["messages"][0]["content"]
    for piece in ("System: Be brief.", "Ada: Two seats, please.", '"name": "book"', '"seats": 2',
                  '"output": "booked: 4A, 4B"', '"call_id": "c1"', '"required"',
                  "Seats 4A and 4B are yours."):
        assert piece in sent, (piece, sent)
    assert '"name": "function"' not in sent


IMAGE = {"type": "image_url", "image_url": {"url": "https://example/x.png"}}


@pytest.mark.parametrize("line, says", [
    ({"messages": "hello", "response": "x"}, "'messages' must be a list"),
    ({"messages": [3], "response": "x"}, "'messages[0]' must be a message"),
    ({"messages": [{"role": "user", "content": 3}], "response": "x"}, "'messages[0].content' must be"),
    ({"messages": [{"role": "user", "content": [IMAGE]}], "response": "x"}, "only text can be scored"),
    ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}], "response": "x"},
     "a part of type 'hologram'"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}], "response": "x"},
     "a text part without its text"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}], "response": "x"},
     "'messages[0].tool_calls[0]' has no name"),
    ({"messages": [{"role": "assistant", "tool_calls": "f()"}], "response": "x"},
     "'messages[0].tool_calls' must be a list"),
    ({"prompt": "q", "response": 3}, "'response' is missing; it must be a string or an assistant"),
    ({"prompt": "q", "response": {"choices": []}}, "'response' has neither"),
    ({"prompt": "q", "response": {"content": [IMAGE]}}, "only text can be scored"),
    ({"prompt": "q", "response": {"content": "x"}, "tool_calls": [call("f", "{}")]},
     "'tool_calls' stands beside"),
    ({"prompt": "q", "response": "", "tool_calls": [{"function": {}}]}, "'tool_calls[0]' has no name"),
    ({"prompt": "q", "response": "x", "tools": {}}, "'tools' must be a list"),
    ({"prompt": "q", "response": "x", "tools": [{"type": "function"}]}, "a tool without a name"),
])
def test_what_a_score_line_holds_and_nobody_can_read_fails_it(line, says):
    out = score_one(line)
    assert out["decision"] == "failed" and says in out["reason"], out


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
