# The service as an image: `docker build --tag counterseal:0.1.0 .`; docs/kubernetes.md says what is in it.
# Node.js 24.21.0 on Debian 12, by the digest of its index of platforms.
ARG BASE=node:24.21.0-bookworm-slim@sha256:2fe369e969550cde8e867afc3fe370b260140cab4a23d467074295b42163d553

FROM ${BASE} AS build
WORKDIR /opt/counterseal
COPY package.json package-lock.json .npmrc ./
# No package needs its install scripts here: lmdb comes built.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund && scripts/write-sbom sbom.cdx.json \
  && rm -rf build/bench build/examples && find build -name '*.map' -delete && find build -name '*.d.ts' -delete && rm -f build/.tsbuildinfo

FROM ${BASE}
# Nothing is installed into a running image.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
ENV NODE_ENV=production
WORKDIR /opt/counterseal
COPY --from=build /opt/counterseal/node_modules node_modules
COPY --from=build /opt/counterseal/build build
COPY --from=build /opt/counterseal/bin bin
COPY --from=build /opt/counterseal/package.json /opt/counterseal/sbom.cdx.json /opt/counterseal/LICENSE ./
# Numeric, so that Kubernetes can tell that it is not root.
USER 10001:10001
EXPOSE 8080 9090
ENTRYPOINT ["node", "/opt/counterseal/bin/counterseal.js"]
CMD ["serve", "--config", "/etc/counterseal/config/counterseal.yaml"]
