# Postgres from Debian's packages, for trials and tests where the public image cannot be had. It takes what that image
# takes and the chart uses: POSTGRES_PASSWORD_FILE, POSTGRES_DB, PGDATA, user 999.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null \
 && sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null \
 && rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man \
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \
 && mkdir -p /var/lib/postgresql/data /var/run/postgresql && chown -R 999:999 /var/lib/postgresql /var/run/postgresql
COPY postgres-entry /usr/local/bin/
USER 999:999
ENTRYPOINT ["/usr/local/bin/postgres-entry"]
CMD ["postgres"]
