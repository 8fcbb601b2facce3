// Shows the document of this server. Nothing is asked of any other.
SwaggerUIBundle({
  dom_id: "#api",
  url: "/api/openapi.json",
  deepLinking: true,
  validatorUrl: null,
});
