package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// scimDocument is what a directory reads before it begins (RFC 7644 §4).
type scimDocument = map[string]any

// SCIMConfig: GET /scim/v2/ServiceProviderConfig.
func (a *App) SCIMConfig(c *gin.Context, _ provisioning.Directory) error {
	if err := unfiltered(c); err != nil {
		return err
	}
	off := scimDocument{"supported": false}
	return scimAnswer(c, http.StatusOK, scimDocument{
		"schemas": []string{scimCore + "ServiceProviderConfig"},
		"patch":   scimDocument{"supported": true},
		"bulk":    scimDocument{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":  scimDocument{"supported": true, "maxResults": maxSCIMPage},
		// A password would be nobody's: people come by links.
		"changePassword": off, "sort": off,
		"etag": scimDocument{"supported": true},
		"authenticationSchemes": []scimDocument{{
			"type": "oauthbearertoken", "name": "Bearer token", "primary": true, "specUri": "https://www.rfc-editor.org/info/rfc6750",
			"description": "A token that an administrator makes on the page of the integration.",
		}},
		"meta": scimDocument{"resourceType": "ServiceProviderConfig", "location": siteOf(c).own[0].String() + SCIMPath + "/ServiceProviderConfig"},
	})
}

// unfiltered refuses a filter where RFC 7644 §4 allows none.
func unfiltered(c *gin.Context) error {
	if c.Request.URL.Query().Has("filter") {
		return &Fault{Code: NotAllowed, Public: "There is no filter here."}
	}
	return nil
}

// SCIMResourceTypes: GET /scim/v2/ResourceTypes.
func (a *App) SCIMResourceTypes(c *gin.Context, _ provisioning.Directory) error {
	return scimDocuments(c, resourceTypes(c))
}

// SCIMResourceType: GET /scim/v2/ResourceTypes/:id.
func (a *App) SCIMResourceType(c *gin.Context, _ provisioning.Directory) error {
	return oneDocument(c, resourceTypes(c))
}

// SCIMSchemas: GET /scim/v2/Schemas.
func (a *App) SCIMSchemas(c *gin.Context, _ provisioning.Directory) error {
	return scimDocuments(c, schemas(c))
}

// SCIMSchema: GET /scim/v2/Schemas/:id.
func (a *App) SCIMSchema(c *gin.Context, _ provisioning.Directory) error {
	return oneDocument(c, schemas(c))
}

func scimDocuments(c *gin.Context, all []scimDocument) error {
	if err := unfiltered(c); err != nil {
		return err
	}
	return scimList(c, scimPage{start: 1}, int64(len(all)), all)
}

func oneDocument(c *gin.Context, all []scimDocument) error {
	i := slices.IndexFunc(all, func(d scimDocument) bool { return strings.EqualFold(d["id"].(string), c.Param("id")) })
	if i < 0 {
		return provisioning.ErrNotFound
	}
	return scimAnswer(c, http.StatusOK, all[i])
}

func resourceTypes(c *gin.Context) []scimDocument {
	var all []scimDocument
	for _, t := range []struct{ name, endpoint, schema, description string }{
		{"User", "/Users", scimUserSchema, "People of the integration."},
		{"Group", "/Groups", scimGroupSchema, "Groups of the tenant that the directory keeps."},
	} {
		all = append(all, scimDocument{
			"schemas": []string{scimCore + "ResourceType"}, "id": t.name, "name": t.name, "endpoint": t.endpoint,
			"schema": t.schema, "description": t.description,
			"meta": scimDocument{"resourceType": "ResourceType", "location": scimLocation(c, "ResourceTypes", t.name)},
		})
	}
	return all
}

func schemas(c *gin.Context) []scimDocument {
	var all []scimDocument
	for _, s := range []struct {
		id, name   string
		attributes []scimDocument
	}{{scimUserSchema, "User", userAttributes()}, {scimGroupSchema, "Group", groupAttributes()}} {
		all = append(all, scimDocument{
			"schemas": []string{scimCore + "Schema"}, "id": s.id, "name": s.name, "description": s.name, "attributes": s.attributes,
			"meta": scimDocument{"resourceType": "Schema", "location": scimLocation(c, "Schemas", s.id)},
		})
	}
	return all
}

// scimDescribed is an attribute in the form of RFC 7643 §7: a string that is read
// and written, unless changes say otherwise.
func scimDescribed(name, description string, changes scimDocument) scimDocument {
	attribute := scimDocument{
		"name": name, "type": "string", "multiValued": false, "description": description, "required": false,
		"caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none",
	}
	for key, value := range changes {
		if key == "subAttributes" {
			delete(attribute, "caseExact")
		}
		attribute[key] = value
	}
	return attribute
}

// oneOf is a multi-valued attribute of which one member is kept.
func oneOf(name, kind, description string) scimDocument {
	return scimDescribed(name, description+" One is kept: the primary one, or the one of type "+kind+".", scimDocument{
		"type": "complex", "multiValued": true, "subAttributes": []scimDocument{
			scimDescribed("value", "The value.", nil),
			scimDescribed("type", "Always "+kind+".", scimDocument{"canonicalValues": []string{kind}}),
			scimDescribed("primary", "Always true.", scimDocument{"type": "boolean"}),
		},
	})
}

func userAttributes() []scimDocument {
	readOnly := scimDocument{"mutability": "readOnly"}
	return []scimDocument{
		scimDescribed("userName", "What the directory calls the person.", scimDocument{"required": true, "uniqueness": "server"}),
		scimDescribed("name", "The parts of the name.", scimDocument{"type": "complex", "subAttributes": []scimDocument{
			scimDescribed("formatted", "The same as displayName.", nil),
			scimDescribed("familyName", "The last name.", nil),
			scimDescribed("givenName", "The first name.", nil),
		}}),
		scimDescribed("displayName", "The name as it is shown.", nil),
		scimDescribed("locale", "The language, as RFC 5646 writes it.", nil),
		scimDescribed("active", "Whether the person may be signed in. False ends all sessions and tokens at once.", scimDocument{"type": "boolean"}),
		oneOf("emails", scimWork, "The e-mail address."),
		oneOf("phoneNumbers", scimWork, "The phone number."),
		oneOf("photos", scimPhoto, "The address of a picture."),
		scimDescribed("groups", "The groups in which the directory has put the person.", scimDocument{
			"type": "complex", "multiValued": true, "mutability": "readOnly", "subAttributes": []scimDocument{
				scimDescribed("value", "The group's id.", readOnly),
				scimDescribed("$ref", "The group's address.", scimDocument{
					"type": "reference", "mutability": "readOnly", "referenceTypes": []string{"Group"},
				}),
				scimDescribed("display", "The group's name.", readOnly),
				scimDescribed("type", "Always direct.", readOnly),
			},
		}),
	}
}

func groupAttributes() []scimDocument {
	immutable := scimDocument{"mutability": "immutable"}
	return []scimDocument{
		scimDescribed("displayName", "The group's name.", scimDocument{"required": true, "uniqueness": "server"}),
		scimDescribed("members", "The people whom the directory has put into the group.", scimDocument{
			"type": "complex", "multiValued": true, "subAttributes": []scimDocument{
				scimDescribed("value", "The user's id.", immutable),
				scimDescribed("$ref", "The user's address.", scimDocument{
					"type": "reference", "mutability": "immutable", "referenceTypes": []string{"User"},
				}),
				scimDescribed("display", "The user's userName.", scimDocument{"mutability": "readOnly"}),
				scimDescribed("type", "Always User.", immutable),
			},
		}),
	}
}
