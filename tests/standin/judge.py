"""The judge half of the model stand-in: grades in the form that a TLM prompt asks for, embeddings,
and the answer shapes and refusals that real servers are known for.

What is graded is looked up, not understood: a response that the stand-in knows to be wrong gets low grades,
a right one high grades, anything else grades that depend on its text alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import re


def share(text: str) -> float:
    """0..1 from the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def between(text: str, tag: str) -> str:
    found = re.search(f"<{tag}>\n(.*?)\n</{tag}>", text, re.S)
    return found[1] if found else ""


def trust_in(response: str, known: dict) -> float:
    for answer, doubts in known.values():
        if response.strip() == answer:
            return 0.12 if min(doubts.values(), default=1) < 0.6 else 0.97
    return share(response)


def field_reply(response: str, trust: float, prompt: str) -> str:
    try:
        names = list(json.loads(response))
    except ValueError:
        names = []
    bad = [{"field_name": n, "explanation": f"{n} does not hold."} for n in names if trust < 0.5]
    if '"confidence_score"' in prompt:
        return json.dumps({"explanation": "Looked.", "incorrect_fields": bad,
                           "confidence_score": round(trust * 100)})
    if '"rating"' in prompt:
        return json.dumps({"explanation": "Looked.", "incorrect_fields": bad,
                           "rating": round(trust * 10)})
    if '"confidence"' in prompt:
        word = "Certain" if trust > 0.5 else "Uncertain"
        return json.dumps({n: {"explanation": "Seen.", "confidence": word} for n in names})
    return json.dumps({n: {"explanation": "Seen.", "score": round(trust * 100)} for n in names})


def grade(prompt: str, known: dict) -> str | None:
    """The reply to a judge's prompt; None when it is none."""
    if "Reply in this form and with nothing else:" not in prompt and \
            "Reply with" not in prompt:
        return None
    response = between(prompt, "response") or between(prompt, "Response") or \
        between(prompt, "AI Assistant Response")
    trust = trust_in(response, known)
    think = ""
    if "<think>\n" in prompt:
        why = "It is well known." if trust > 0.5 else f"'{response[:40]}' contradicts what is known."
        think = f"<think>\n{why}\n</think>\n"
    if "<first>" in prompt:
        same = between(prompt, "first").strip() == between(prompt, "second").strip()
        return f"<answer>\n{'Yes' if same else 'No'}\n</answer>" if "<answer>" in prompt else \
            f"Choice: {'A' if same else 'B'}"
    if "Reply with a JSON object" in prompt:
        return field_reply(response, trust, prompt)
    if "Choice: [A or B]" in prompt:
        return f"Choice: {'A' if trust > 0.5 else 'B'}"
    if "Rating: [" in prompt:
        return f"Rating: {1 + round(trust * 4)}"
    if "[Yes or No]" in prompt:
        return "<choice>\nYes\n</choice>"
    if "[True or False]" in prompt:
        return f"{think}<choice>\n{'True' if trust > 0.5 else 'False'}\n</choice>"
    if "from 1 to 5]" in prompt:
        return f"{think}<rating>\n{1 + round(trust * 4)}\n</rating>"
    if "<rating>" in prompt:
        return f"{think}<rating>\n{round(trust * 10)}\n</rating>"
    if "from 0 to 10]" in prompt:
        return f"{think}<score>\n{round(trust * 10)}\n</score>"
    if "<issues>\n" in prompt:
        return f"<issues>\n- {think[8:-10] or 'None.'}\n</issues>\n<score>\n{round(trust * 100)}\n</score>"
    if "<score>" in prompt:
        return f"{think}<score>\n{round(trust * 100)}\n</score>"
    return None


def pieces(text: str) -> list[dict]:
    """The text as tokens with log probabilities, each with itself as the only alternative."""
    out = []
    for piece in re.findall(r"\s*\w+|\s*[^\w\s]|\s+$", text):
        p = {"token": piece, "logprob": math.log(0.98), "bytes": list(piece.encode())}
        out.append({**p, "top_logprobs": [p]})
    return out


def embedding(text: str) -> list[float]:
    """Alike for texts that share words."""
    vector = [0.0] * 32
    for word in re.findall(r"\w+", text.lower()):
        vector[int(share(word) * 32)] += 1.0
    return vector if any(vector) else [1.0] * 32


def refusal(request: dict, refused: list[str]) -> dict | None:
    """What OpenAI answers to a parameter that the model does not take."""
    for name in refused:
        if request.get(name) or (request.get("response_format") or {}).get("type") == name:
            hint = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            return {"error": {"message": f"Unsupported parameter: '{name}' is not supported with "
                              f"this model.{hint}", "type": "invalid_request_error", "param": name,
                              "code": "unsupported_parameter"}}
    return None


def shaped(body: dict, shape: str) -> dict:
    """The same completion as another server writes it."""
    choice = body["choices"][0]
    if shape == "ollama":  # no log probabilities, thinking apart
        choice.pop("logprobs", None)
        choice["message"]["reasoning"] = "Let me see."
        body["system_fingerprint"] = "fp_ollama"
    elif shape == "vllm":  # everything there, much of it null
        choice.update(logprobs=None, stop_reason=None)
        choice["message"].update(reasoning_content=None, tool_calls=[])
        body.update(prompt_logprobs=None, kv_transfer_params=None)
    elif shape == "llamacpp":  # no usage in some versions, timings instead
        body.pop("usage", None)
        body["timings"] = {"prompt_n": 12, "predicted_n": 7}
    elif shape == "thinking":  # a reasoning model behind a server that does not know it
        choice["message"]["content"] = "<think>\nPerhaps <score>3</score>?\n</think>\n\n" + \
            choice["message"]["content"]
        choice.pop("logprobs", None)
    elif shape == "verbose":  # log probabilities of two thousand tokens of thoughts, indented
        top = [{"token": "really", "logprob": -9.5, "bytes": list(b"really")}] * 5
        rows = [{"token": " so", "logprob": -0.1, "bytes": [32, 115, 111], "top_logprobs": top}]
        choice["logprobs"] = {"content": rows * 1500 + (choice.get("logprobs") or {}).get("content", []),
                              "refusal": None}
        choice["message"]["content"] = " so" * 1500 + choice["message"]["content"]
    elif shape == "parts":  # content as a list
        choice["message"]["content"] = [{"type": "text", "text": choice["message"]["content"]}]
    return body
