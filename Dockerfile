# syntax=docker/dockerfile:1
FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY server/package.json server/
COPY client/package.json client/
# Only what the server runs: the image has its Node already, so the root's packages stay out.
RUN npm ci --omit=dev --workspace=server

FROM node:26-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 STOWAGE_DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY server server
# Compiles the sources ahead; the file system is read-only later.
RUN node server/bin/stowage.js help > /dev/null
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 8080
# HOST is public here, so the first start needs STOWAGE_ADMIN_TOKEN, STOWAGE_ADMIN_TOKEN_FILE or an upload code.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "server/bin/stowage.js"]
CMD ["serve"]
