# Redis from Debian's packages, for trials and tests where the public image cannot be had.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}
RUN groupadd --gid 999 redis && useradd --uid 999 --gid 999 --no-create-home redis \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null \
 && rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man
USER 999:999
CMD ["redis-server"]
