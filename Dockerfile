# The service on port 8321, its embedded PostgreSQL in the volume /data:
#
#     docker build -t callboard .
#     docker run --init -p 8321:8321 -v callboard:/data -e CALLBOARD_TOKEN=... callboard
#
# Handlers are imported from /app: mount them there, or build on this image and copy them in. On a
# PostgreSQL of your own: -e CALLBOARD_DSN=postgresql://... (then nothing is kept in /data).

FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY actors actors
COPY service service
COPY sql sql
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .

FROM python:3.13-slim
RUN useradd --uid 1000 --user-group --no-create-home --home-dir /data callboard \
    && install -d -o callboard -g callboard -m 0700 /data
# By its path: a package of the same name elsewhere cannot take its place.
RUN --mount=type=bind,from=build,source=/dist,target=/dist \
    set -- /dist/callboard-*.whl \
    && pip install --no-cache-dir "$1[service,embedded,glue,uvloop]"

USER 1000
WORKDIR /app
VOLUME /data
EXPOSE 8321

# Published ports lead to an address that is not loopback, so the service refuses to start without
# CALLBOARD_TOKEN. The embedded server needs no namespace: we are a plain user already.
ENV CALLBOARD_DSN=embedded:/data \
    CALLBOARD_HOST=0.0.0.0 \
    CALLBOARD_PORT=8321 \
    CALLBOARD_LOG_FORMAT=json \
    CALLBOARD_DRAIN_S=8
# 8 seconds: `docker stop` waits 10.

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['CALLBOARD_PORT']), timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]

CMD ["callboard", "serve"]
