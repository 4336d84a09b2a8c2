// Scalar shows the relay's description. Everything that would ask another server is off; the page's policy forbids it as well.
Scalar.createApiReference('#reference', {
  url: '/openapi/v1.json',
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,
  persistAuth: false,
  metaData: { title: 'claude-relay API' },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
});
