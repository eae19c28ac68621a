FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w" -o /out/usher ./server
# scratch has no users, no certificates and no folders: bring what Usher uses.
RUN printf 'usher:x:65532:65532::/data:/sbin/nologin\n' > /out/passwd \
 && printf 'usher:x:65532:\n' > /out/group \
 && mkdir -m 0700 /out/data

FROM scratch
COPY --from=build /out/passwd /out/group /etc/
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/usher /usher
USER 65532:65532
ENV USHER_LISTEN=0.0.0.0:8080 USHER_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["/usher", "healthcheck"]
ENTRYPOINT ["/usher"]
CMD ["serve"]
