"""The page about the JSON interface says all that the OpenAPI description says."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings


def test_every_operation_status_and_model_is_listed(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(data_dir=tmp_path))) as client:
        page = client.get("/docs")
        assert page.status_code == 200
        description = client.get("/api/v1/openapi.json").json()
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}</code>" in page.text
            for status in operation["responses"]:
                assert f"<code>{status}</code>" in page.text
    for model in description["components"]["schemas"]:
        assert f'id="{model}"' in page.text
    assert "line</code> integer" in page.text
