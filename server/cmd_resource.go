package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
)

func newResource(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "resource",
		Short: "List, show, add, change and delete what sites can embed",
		Long: "A resource is a page that a partner's site shows in a frame, with the partner's person\n" +
			"signed in. It is named KIND/ID, such as vote-widget/57cc26, and belongs to an integration.",
		Example: "  usher resource list --kind vote-widget\n" +
			"  usher resource add vote-widget/57cc26 --integration APP-ID --title \"The vote\" --content https://content.example/57cc26",
	}
	host := family(c)
	c.AddCommand(newResourceList(p, host), newResourceShow(p, host), newResourceAdd(p, host), newResourceChange(p, host), newResourceDelete(p, host))
	return c
}

// oneResource is the Args of a command that takes one resource.
func oneResource(c *cobra.Command, args []string) error {
	if len(args) != 1 || strings.Count(args[0], "/") != 1 {
		return usageError(c, fmt.Errorf("%s takes one resource as KIND/ID", c.CommandPath()))
	}
	return nil
}

// listedResource is a resource as the commands print it as JSON.
type listedResource struct {
	Integration string `json:"integration"`
	handlers.ResourceAnswer
}

func (t commandTenant) listResource(r provisioning.Resource, apps map[string]string) listedResource {
	return listedResource{r.IntegrationID, handlers.AnswerResource(r, t.origin, apps[r.IntegrationID])}
}

func newResourceList(p program, host *string) *cobra.Command {
	var filter provisioning.ResourceFilter
	var after string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List resources by kind and id, 50 at a time",
		Example: "  usher resource list\n  usher resource list --kind vote-widget --integration APP-ID",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				resources, next, err := t.provisioning.Resources(c.Context(), t.tenant, filter, after, 50)
				if err != nil {
					return err
				}
				if asJSON {
					apps, err := t.provisioning.AppIDs(c.Context(), t.tenant)
					if err != nil {
						return err
					}
					encoder := json.NewEncoder(p.stdout)
					for _, r := range resources {
						if err := encoder.Encode(t.listResource(r, apps)); err != nil {
							return err
						}
					}
				} else {
					names, err := t.provisioning.IntegrationNames(c.Context(), t.tenant)
					if err != nil {
						return err
					}
					if err := printResources(p.stdout, resources, names); err != nil {
						return err
					}
				}
				p.tellMore(next)
				return nil
			})
		},
	}
	c.Flags().StringVar(&filter.Kind, "kind", "", "only of this kind")
	c.Flags().StringVar(&filter.Integration, "integration", "", "only of this owner, by id or app id")
	c.Flags().StringVar(&after, "after", "", "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printResources(w io.Writer, resources []provisioning.Resource, names map[string]string) error {
	table := newTable(w)
	fmt.Fprintln(table, "RESOURCE\tTITLE\tOWNER\tFOR\tCONTENT")
	for _, r := range resources {
		fmt.Fprintf(table, "%s/%s\t%s\t%s\t%s\t%s\n", r.Kind, r.ID, r.Title, names[r.IntegrationID], whoMayOpen(r), contentOf(r))
	}
	return table.Flush()
}

func whoMayOpen(r provisioning.Resource) string {
	if r.Restricted {
		return "the owner's people"
	}
	return "everybody's people"
}

func contentOf(r provisioning.Resource) string {
	if r.ContentURL == "" {
		return "the built-in page"
	}
	return r.ContentURL
}

// printResource prints one resource, as JSON or for people.
func (p program) printResource(c *cobra.Command, t commandTenant, r provisioning.Resource, asJSON bool) error {
	apps, err := t.provisioning.AppIDs(c.Context(), t.tenant)
	if err != nil {
		return err
	}
	listed := t.listResource(r, apps)
	if asJSON {
		return json.NewEncoder(p.stdout).Encode(listed)
	}
	names, err := t.provisioning.IntegrationNames(c.Context(), t.tenant)
	if err != nil {
		return err
	}
	table := newTable(p.stdout)
	for _, row := range [][2]string{
		{"Resource:", r.Kind + "/" + r.ID},
		{"Title:", r.Title},
		{"Owner:", names[r.IntegrationID]},
		{"For:", whoMayOpen(r)},
		{"Content:", contentOf(r)},
		{"Embedded at:", listed.EmbedURL},
		{"Changed:", r.UpdatedAt.UTC().Format(time.RFC3339)},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	return table.Flush()
}

func newResourceShow(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show KIND/ID",
		Short: "Show a resource and where it is embedded",
		Args:  oneResource,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				kind, id, _ := strings.Cut(args[0], "/")
				r, err := t.provisioning.Resource(c.Context(), t.tenant, kind, id)
				if err != nil {
					return err
				}
				return p.printResource(c, t, r, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// resourceFlags are the settings that add and change have in common.
type resourceFlags struct {
	integration, title, content string
	restricted                  bool
	asJSON                      bool
}

func (f *resourceFlags) on(c *cobra.Command) {
	c.Flags().StringVar(&f.integration, "integration", "", "the owner, by id or app id")
	c.Flags().StringVar(&f.title, "title", "", "what it is called, 1 to 200 characters")
	c.Flags().StringVar(&f.content, "content", "", "the address of the page to show; empty: the built-in page")
	c.Flags().BoolVar(&f.restricted, "restricted", false, "only the owner's people may open it")
	c.Flags().BoolVar(&f.asJSON, "json", false, "one JSON object")
}

// settings are those of the flags that were given.
func (f *resourceFlags) settings(c *cobra.Command) provisioning.ResourceSettings {
	var wish provisioning.ResourceSettings
	wish.Title = changed(c, "title", &f.title)
	wish.Content = changed(c, "content", &f.content)
	wish.Restricted = changed(c, "restricted", &f.restricted)
	return wish
}

func newResourceAdd(p program, host *string) *cobra.Command {
	var flags resourceFlags
	c := &cobra.Command{
		Use:   "add KIND[/ID] --integration ID --title TITLE",
		Short: "Add a resource; without an id one is made",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				kind, id, named := strings.Cut(args[0], "/")
				if named && id == "" {
					return usageError(c, fmt.Errorf("the resource is KIND/ID, or KIND alone, got %q", args[0]))
				}
				r, err := t.provisioning.AddResource(c.Context(), t.tenant, provisioning.NewResource{
					Kind: kind, ID: id, Integration: flags.integration, ResourceSettings: flags.settings(c),
				}, byCommand)
				if err != nil {
					return err
				}
				return p.printResource(c, t, r, flags.asJSON)
			})
		},
	}
	flags.on(c)
	return c
}

func newResourceChange(p program, host *string) *cobra.Command {
	var flags resourceFlags
	c := &cobra.Command{
		Use:     "change KIND/ID",
		Short:   "Change title, content, rights or owner; the rest stays",
		Example: "  usher resource change vote-widget/57cc26 --restricted=false\n  usher resource change vote-widget/57cc26 --integration APP-ID",
		Args:    oneResource,
		RunE: func(c *cobra.Command, args []string) error {
			wish := flags.settings(c)
			if wish == (provisioning.ResourceSettings{}) && flags.integration == "" {
				return usageError(c, errors.New("name at least one of --title, --content, --restricted and --integration"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				kind, id, _ := strings.Cut(args[0], "/")
				r, err := t.provisioning.ChangeResource(c.Context(), t.tenant, kind, id, flags.integration, wish, byCommand)
				if err != nil {
					return err
				}
				return p.printResource(c, t, r, flags.asJSON)
			})
		},
	}
	flags.on(c)
	return c
}

func newResourceDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete KIND/ID --confirm KIND/ID",
		Short: "Delete a resource; its content stays where it is",
		Args:  oneResource,
		RunE: func(c *cobra.Command, args []string) error {
			if confirm != args[0] {
				return usageError(c, fmt.Errorf("to delete the resource, repeat it: --confirm %q", args[0]))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				kind, id, _ := strings.Cut(args[0], "/")
				if err := t.provisioning.DeleteResource(c.Context(), t.tenant, kind, id, byCommand); err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.stdout, "Deleted %s\n", args[0])
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the resource once more, to confirm")
	return c
}
