# One image for the four services; docker-compose.yml says which one a container runs.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONPATH=/app:/app/generated
WORKDIR /app

# What the services need at run time, at the versions of the lock; the tools of developers stay out.
COPY pyproject.toml requirements.lock ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > runtime.txt \
    && pip install --no-cache-dir -r runtime.txt -c requirements.lock

COPY generated generated
COPY kernel kernel
COPY upcasters upcasters
COPY edge edge
COPY domain_svc domain_svc
COPY projector_svc projector_svc
COPY stream_svc stream_svc
# The operators' CLI: `docker compose exec -e PRISM_TOKEN domain_svc python -m prismctl status`.
COPY prismctl prismctl
# The health checks.
COPY dev/__init__.py dev/healthy.py dev/probes.py dev/

RUN useradd --system --no-create-home --uid 10001 prism
USER prism

CMD ["python", "-m", "edge"]
