# Build: docker build -t cowscope .    Run: docker run --read-only --tmpfs /tmp -v cowscope:/data -p 127.0.0.1:8000:8000 cowscope
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY migrations migrations
COPY static static
COPY templates templates
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /venv/bin/pip uninstall -y hatchling pathspec pluggy tomlkit trove-classifiers \
    && python -m pip --python /venv/bin/python uninstall -y pip setuptools

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data cowscope && install -d -o cowscope /data \
    && python -m pip uninstall -y --root-user-action=ignore wheel setuptools pip
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    COWSCOPE_DATA_DIR=/data COWSCOPE_HOST=0.0.0.0 COWSCOPE_PORT=8000
# Only /data is written to, so that the rest may be mounted read-only.
VOLUME /data
# By number: who checks that it is not root need not read /etc/passwd.
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"COWSCOPE_PORT\"]}/readyz', timeout=4)"]
CMD ["cowscope", "serve"]
