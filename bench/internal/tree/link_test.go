package tree

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"regexp"
	"strings"
	"testing"
)

// Links in doc comments lead somewhere: go doc prints one that does not as it
// stands, with its brackets.
func TestDocLinks(t *testing.T) {
	all := declared(t)
	files := make(map[string][]*ast.File)
	for _, s := range sources(t) {
		if !s.test && !s.inTestdata() {
			files[s.dir] = append(files[s.dir], s.file)
		}
	}
	links := 0
	for dir, files := range files {
		pkg, err := doc.NewFromFiles(positions, files, module+"/"+dir, doc.AllDecls|doc.PreserveAST)
		if err != nil {
			t.Fatal(err)
		}
		p := pkg.Parser()
		for _, f := range files {
			for _, c := range f.Comments {
				for _, text := range texts(p.Parse(c.Text())) {
					switch text := text.(type) {
					case comment.Plain:
						if link := deadLink.FindString(string(text)); link != "" {
							t.Errorf("%s: %s leads nowhere", positions.Position(c.Pos()), link)
						}
					case *comment.DocLink:
						links++
						if text.ImportPath != "" && !known(t, all, text.ImportPath, text.Recv, text.Name) {
							t.Errorf("%s: there is no %s.%s%s", positions.Position(c.Pos()), text.ImportPath, text.Recv, text.Name)
						}
					}
				}
			}
		}
	}
	if links < 100 {
		t.Errorf("found %d links, want hundreds", links)
	}
}

// A link that was not understood. Wait[Waitable] is none.
var deadLink = regexp.MustCompile(`(?:^|[^\w\]])\[\*?([a-z][a-z0-9]*\.)?[A-Z]\w*(\.[A-Z]\w*)?\]`)

// texts returns the texts of a comment.
func texts(d *comment.Doc) (all []comment.Text) {
	var blocks func([]comment.Block)
	blocks = func(list []comment.Block) {
		for _, b := range list {
			switch b := b.(type) {
			case *comment.Paragraph:
				all = append(all, b.Text...)
			case *comment.Heading:
				all = append(all, b.Text...)
			case *comment.List:
				for _, item := range b.Items {
					blocks(item.Content)
				}
			}
		}
	}
	blocks(d.Content)
	return all
}

// known reports whether a package of the module or of the standard library has
// the name. Others are not looked into.
func known(t *testing.T, all map[string]symbols, importPath, recv, name string) bool {
	t.Helper()
	if recv == "" {
		recv, name = name, ""
	}
	if dir, ours := strings.CutPrefix(importPath, module+"/"); ours {
		return recv == "" || all[dir].has(recv, name)
	}
	if strings.Contains(strings.Split(importPath, "/")[0], ".") {
		return true
	}
	s, err := standard(importPath)
	if err != nil {
		t.Fatal(err)
	}
	return recv == "" || s.has(recv, name)
}
