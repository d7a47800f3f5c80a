# Guarantee: what `make run` serves, in a container. llama.cpp is compiled for the processor of the machine that builds the
# image; docs/docker.md says how to start it, and what is otherwise in a container.
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential espeak-ng \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home tsumami \
    && install --directory --owner tsumami /tsumami /data /hub

USER tsumami
ENV PIP_NO_CACHE_DIR=1
WORKDIR /tsumami
COPY --chown=tsumami Makefile pyproject.toml requirements.lock requirements-build.lock README.md LICENSE ./
COPY --chown=tsumami scripts/set-up scripts/set-up
COPY --chown=tsumami src src

# For a GPU, for example: --build-arg CMAKE_ARGS=-DGGML_VULKAN=on, on an image that has what it needs.
ARG CMAKE_ARGS
RUN make setup

# The history, and the models that were fetched.
ENV TSUMAMI_DATA=/data HF_HOME=/hub
VOLUME ["/data", "/hub"]
EXPOSE 7860
ENTRYPOINT ["/tsumami/.venv/bin/tsumami"]
CMD ["app", "--host", "0.0.0.0"]
