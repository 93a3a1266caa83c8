"""The official TLM client against our stand-in: what trustspan is tested with is the real contract."""

from __future__ import annotations

import pytest
from cleanlab_tlm import TLM, TrustworthyRAG

from conftest import Standin
from cleanlab_tlm.errors import AuthError


@pytest.fixture
def api(start, monkeypatch):
    standin = start(Standin, "tlm")
    base = f"http://127.0.0.1:{standin.control_port}/api"
    # the client reads its base once, at import; its modules keep the value
    from cleanlab_tlm.internal.api import api as client

    for name in dir(client):
        text = getattr(client, name)
        if isinstance(text, str) and text.startswith("https://api.cleanlab.ai/api"):
            monkeypatch.setattr(client, name, text.replace("https://api.cleanlab.ai/api", base))
    return standin


def test_single_score_with_explanation(api):
    tlm = TLM(api_key="test-key", options={"log": ["explanation"]})
    got = tlm.get_trustworthiness_score("Which metal melts in your hand?", "Gallium.")
    assert 0 <= got["trustworthiness_score"] <= 1
    assert "Gallium" in got["log"]["explanation"]


def test_batch_keeps_its_order(api):
    tlm = TLM(api_key="test-key")
    single = [tlm.get_trustworthiness_score("q", r)["trustworthiness_score"] for r in "abc"]
    batch = tlm.get_trustworthiness_score(["q"] * 3, ["a", "b", "c"])
    assert [b["trustworthiness_score"] for b in batch] == single


def test_classification_with_labels(api):
    tlm = TLM(api_key="test-key", task="classification")
    got = tlm.get_trustworthiness_score("Rail or road?", "rail", constrain_outputs=["rail", "road"])
    assert 0 <= got["trustworthiness_score"] <= 1


def test_custom_criteria(api):
    criteria = [{"name": "polite", "criteria": "The response is polite."}]
    tlm = TLM(api_key="test-key", options={"custom_eval_criteria": criteria})
    got = tlm.get_trustworthiness_score("q", "Please.")
    assert [c["name"] for c in got["log"]["custom_eval_criteria"]] == ["polite"]


def test_rag(api):
    rag = TrustworthyRAG(api_key="test-key")
    got = rag.score(query="When?", context="At six.", response="At six.")
    assert 0 <= got["trustworthiness"]["score"] <= 1
    assert 0 <= got["response_groundedness"]["score"] <= 1


def test_rate_limit_is_waited_out(api):
    api.control(fail_next=[{"status": 429, "headers": {"Retry-After": "1"}}])
    got = TLM(api_key="test-key").get_trustworthiness_score("q", "r")
    assert 0 <= got["trustworthiness_score"] <= 1


def test_wrong_key_is_final(api):
    with pytest.raises(AuthError):
        TLM(api_key="wrong").get_trustworthiness_score("q", "r")
