# Two stages: Rust builds the binary, and a slim Debian runs it.
ARG RUST=1.95
ARG DEBIAN=trixie

FROM rust:${RUST}-slim-${DEBIAN} AS build
# For the allocator.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# `--build-arg FEATURES=smpp` for providers of that kind.
ARG FEATURES=
# Downloads and compiled crates stay in the builder's cache, so that a change compiles only what
# it touches. The cache is not part of a layer: the binary is copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p otpost --features "${FEATURES}" \
    && cp target/release/otpost /usr/local/bin/otpost

FROM debian:${DEBIAN}-slim
# Providers are called over TLS with the system's certificates.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/otpost --shell /usr/sbin/nologin otpost \
    && install --directory --owner=otpost --group=otpost --mode=0700 /var/lib/otpost
COPY --from=build /usr/local/bin/otpost /usr/local/bin/otpost
USER 10001:10001
WORKDIR /var/lib/otpost
# In a container, loopback reaches nobody. Without a Postgres, mount a volume at the data folder.
ENV OTPOST__SERVER__LISTEN=0.0.0.0:8080 \
    OTPOST__DATA__DIR=/var/lib/otpost
EXPOSE 8080
ENTRYPOINT ["otpost"]
CMD ["serve"]
