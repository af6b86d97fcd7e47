# syntax=docker/dockerfile:1
# The official image moves with every release of Node 26, security fixes included, so rebuild now and then (docker compose build --pull).
# For builds that repeat exactly, pass a digest: --build-arg NODE_IMAGE=node:26-slim@sha256:... (docker buildx imagetools inspect node:26-slim shows it).
ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY server/package.json server/
COPY client/package.json client/
# Only what the server runs: the image has its Node already, so the root's packages and its script stay out.
RUN npm ci --omit=dev --workspace=server --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 STOWAGE_DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY server server
# `stowage` in the container. Running it once compiles the sources ahead; the file system is read-only later.
RUN ln -s /app/server/bin/stowage.js /usr/local/bin/stowage && stowage help > /dev/null
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 8080
# HOST is public here, so the first start needs STOWAGE_ADMIN_TOKEN, STOWAGE_ADMIN_TOKEN_FILE or an upload code.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["stowage", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["stowage"]
CMD ["serve"]
