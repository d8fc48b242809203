# One image for every service; the command chooses which. Built from the hashed lock, without the
# embedded servers: the site's NATS and PostgreSQL are containers of their own.
# Behind a package mirror: docker build --build-arg PIP_INDEX_URL=... (`make image` asks pip for it).

FROM python:3.13-slim-trixie AS build
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/meridian && python -m venv --without-pip /build/tools
COPY requirements.lock requirements-dev.lock ./
# What builds the project's own wheel comes from the other lock, so that nothing unhashed is fetched.
RUN awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
        requirements-dev.lock > tools.lock \
 && pip --python /build/tools install --quiet --require-hashes --no-deps --requirement tools.lock \
 && pip --python /opt/meridian install --quiet --require-hashes --no-deps --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY shared shared
COPY clients clients
COPY stack stack
RUN /build/tools/bin/python -m hatchling build --target wheel --directory wheels \
 && pip --python /opt/meridian install --quiet --no-deps --no-index wheels/*.whl

FROM python:3.13-slim-trixie
RUN groupadd --gid 10001 meridian \
 && useradd --uid 10001 --gid meridian --no-create-home --home-dir /var/lib/meridian meridian \
 && install -d -o meridian -g meridian -m 0700 /var/lib/meridian /var/lib/meridian/run
COPY --from=build /opt/meridian /opt/meridian
COPY --chmod=0755 compose/ready /usr/local/bin/ready
ENV PATH=/opt/meridian/bin:$PATH PYTHONUNBUFFERED=1
USER meridian
WORKDIR /var/lib/meridian
EXPOSE 7443 8443 9100
CMD ["meridian", "--help"]
