"""A local HTTP server that speaks the dialects of model APIs; what it answers as is set by the test."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET_PROMPT = "the prompt nobody may keep"
SECRET_ANSWER = "the answer nobody may keep"
SECRET_KEY = "sk-the-key-nobody-may-keep"


class ModelApi:
    """Runs until it is closed.

    Attributes:
        url: base URL, without a path.
        answers_as: id of the model that it says has answered.
        status: HTTP status of every answer.
        fingerprint: ``system_fingerprint`` of OpenAI-shaped answers.
    """

    def __init__(self):
        self.answers_as = "gpt-4o-2024-08-06"
        self.status = 200
        self.fingerprint = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                length = int(self.headers.get("content-length", 0))
                body = json.loads(self.rfile.read(length) or b"{}")
                kind, data = api.reply(self.path, body)
                self.send_response(api.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.send_header("x-amzn-requestid", "amzn-1")
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def reply(self, path, body):
        path = path.partition("?")[0]
        streamed = body.get("stream") or "stream" in path
        if path.endswith("/messages"):
            whole = self.anthropic()
            events = [("message_start", {"type": "message_start", "message": whole | {"content": []}})]
            events += [("message_stop", {"type": "message_stop"})]
        elif "enerateContent" in path:
            whole = self.gemini()
            events = [(None, whole)]
        elif path.endswith("/converse"):
            whole = {"output": {"message": {"role": "assistant", "content": [{"text": SECRET_ANSWER}]}}}
            whole |= {"stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}
            whole |= {"metrics": {"latencyMs": 1}}
            events = []
        elif path.endswith("/embeddings"):
            whole = {"object": "list", "model": self.answers_as, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
            whole["data"] = [{"object": "embedding", "index": 0, "embedding": [0.0] * 4}]
            events = []
        else:
            whole = self.openai()
            chunk = {k: v for k, v in whole.items() if k not in ("choices", "usage")}
            delta = {"index": 0, "delta": {"content": SECRET_ANSWER}, "finish_reason": None}
            events = [(None, chunk | {"object": "chat.completion.chunk", "choices": [delta]})] * 3
        if not streamed:
            return "application/json", json.dumps(whole).encode()
        text = "".join((f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in events)
        return "text/event-stream", (text + ("data: [DONE]\n\n" if "completions" in path else "")).encode()

    def openai(self):
        message = {"role": "assistant", "content": SECRET_ANSWER}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": self.answers_as,
            "system_fingerprint": self.fingerprint,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }

    def anthropic(self):
        return {
            "type": "message",
            "role": "assistant",
            # A tool call may hold any JSON, a key "model" too.
            "content": [{"type": "tool_use", "id": "t", "name": "order", "input": {"model": "Toyota"}}],
            "id": "msg_1",
            "model": self.answers_as,
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }

    def gemini(self):
        part = {"content": {"role": "model", "parts": [{"text": SECRET_ANSWER}]}, "finishReason": "STOP", "index": 0}
        return {"candidates": [part], "modelVersion": self.answers_as, "responseId": "gem-1"}
