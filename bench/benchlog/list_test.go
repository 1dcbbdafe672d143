package benchlog

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestListRoundTrip(t *testing.T) {
	models := []ModelInfo{{Name: "a", Note: "alone", Baseline: true}, {Name: "py-b", Note: "line\nbreak", Processes: true, Beside: "b", For: "computing"}}
	workloads := []WorkloadInfo{
		{Name: "Lock", Kind: "handing over", Story: "s", Op: "o", Source: "x.go", Vary: []string{"n"}, Cases: []Params{"n=1", "n=2"}, More: []Params{"n=3"}, Models: []Model{"a"}, NA: map[Model]string{"py-b": "why"}},
		{Name: "Nop", Story: "s", Op: "o", Cases: []Params{""}, Models: []Model{"a", "py-b"}},
		{Name: "Ring", Models: []Model{"a"}, NA: map[Model]string{"py-b": "why"}}, // another program says what it is
	}
	text, err := WriteList(models, workloads)
	if err != nil || strings.Count(string(text), "\n") != 5 {
		t.Fatalf("%q, %v", text, err)
	}
	for _, text := range []string{string(text), strings.TrimSpace(string(text)), "\n" + strings.ReplaceAll(string(text), "\n", "\r\n")} {
		gotModels, gotWorkloads, err := ReadList([]byte(text))
		if err != nil || !reflect.DeepEqual(gotModels, models) || !reflect.DeepEqual(gotWorkloads, workloads) {
			t.Errorf("%q is read as %+v, %+v, %v", text, gotModels, gotWorkloads, err)
		}
	}
}

// A list may come from anyone's program: what is wrong with it is said in a
// sentence.
func TestReadListRejects(t *testing.T) {
	const (
		model    = `# model {"name":"m","note":"n"}` + "\n"
		workload = `# workload {"name":"W","story":"s","op":"o","cases":["n=1"],"models":["m"]}` + "\n"
	)
	with := func(old, new string) string { return strings.ReplaceAll(model+workload, old, new) }
	many := func(n int, line string) (text string) {
		for i := range n {
			text += strings.Replace(line, "#i", fmt.Sprint(i), 1) + "\n"
		}
		return text
	}
	const numbered, unrelated = `# model {"name":"m#i","note":"n"}`, `# workload {"name":"W#i","story":"s","op":"o","cases":["n=1","n=2"],"models":["m"]}`
	long := strings.Repeat("x", 65)
	for text, want := range map[string]string{
		"":                          "no model",
		"\n \n":                     "no model",
		"hello\n" + model:           `the line "hello" declares neither a model nor a workload`,
		"BenchmarkX 1 1 a\n":        `the line "BenchmarkX 1 1 a" declares neither a model nor a workload`,
		"# switchyard {}\n" + model: `the line "# switchyard {}" declares neither a model nor a workload`,
		"#model {}\n":               `the line "#model {}" declares neither a model nor a workload`,
		"model {}\n":                `the line "model {}" declares neither a model nor a workload`,
		"[\n":                       `the line "[" declares neither a model nor a workload`,
		strings.Repeat("y", 200):    `the line "` + strings.Repeat("y", 80) + `" declares neither a model nor a workload`,
		"# model\n":                 "a model cannot be read: unexpected end of JSON input",
		" # model {}\n":             `the line " # model {}" declares neither a model nor a workload`,
		"# model {\n":               "a model cannot be read: unexpected end of JSON input",
		"# workload []\n":           "a workload cannot be read: json: cannot unmarshal array into Go value of type benchlog.WorkloadInfo",
		"# model {}\n":              "a model cannot be read: no name, or too many models",
		workload:                    "no model",
		with(`"models"`, `"more":["n=2","n=1"],"models"`):      `workload W: it has the case "n=1" twice`,
		with(`"models"`, `"more":["n"],"models"`):              `workload W: parameter "n" of "n" is not key=value`,
		with(`"op"`, `"kind":"a\tb","op"`):                     `workload W: not a kind: "a\tb"`,
		with(`"op"`, `"kind":"`+long+`","op"`):                 `workload W: not a kind: "` + long + `"`,
		model:                                                  "no workload",
		model + model + workload:                               "two models are called m",
		with(`"note":"n"`, `"x":1`):                            "model m: no note",
		with(`"m"`, `"m/n"`):                                   `model "m/n": not a name`,
		with(`"m"`, `"m n"`):                                   `model "m n": not a name`,
		with(`"m"`, `"m=n"`):                                   `model "m=n": not a name`,
		with(`"m"`, `"m\u0007"`):                               `model "m\a": not a name`,
		with(`"m"`, `"m\""`):                                   `model "m\"": not a name`,
		with(`"m"`, `"`+long+`"`):                              `model "` + long + `": not a name`,
		with(`"W"`, `"W-2"`):                                   `workload "W-2": not a benchmark name`,
		with(`"s"`, `""`):                                      "workload W: no story or no op",
		with(`"o"`, `""`):                                      "workload W: no story or no op",
		with(`["n=1"]`, `[]`):                                  `workload W: no cases; without parameters there is one, ""`,
		with(`["n=1"]`, `["n"]`):                               `workload W: parameter "n" of "n" is not key=value`,
		with(`"n=1"`, `"n=1","n=1"`):                           `workload W: it has the case "n=1" twice`,
		with(`["m"]`, `[]`):                                    "workload W: m needs an implementation or the reason why it has none",
		with(`["m"]`, `["m"],"na":{"m":"why"}`):                "workload W: m needs an implementation or the reason why it has none",
		with(`["m"]`, `["m","k"]`):                             `workload W: no model "k" is declared`,
		model + workload + workload:                            "two workloads are called W",
		many(MaxModels+1, numbered):                            "a model cannot be read: no name, or too many models",
		model + many(MaxCases/2+1, unrelated):                  "5002 cells, and 5000 are the most",
		with(`"s"`, `"`+strings.Repeat("s", maxDirective)+`"`): "a line is longer than 1048576 bytes",
	} {
		if models, workloads, err := ReadList([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.200q: %d models, %d workloads, error %v, want %q", text, len(models), len(workloads), err, want)
		}
	}
	for _, text := range []string{
		model + workload,
		"\n" + model + " \n\n" + strings.TrimSpace(workload),
		with(`["m"]`, `[],"na":{"m":"why"}`),
		with(`"m"`, `"`+long[:64]+`"`),
		with(`"m"`, `"py-m.3"`),
		model + many(MaxCases/2, unrelated),
		many(MaxModels, numbered) + strings.Replace(workload, `["m"]`, `[],"na":{`+strings.TrimSuffix(strings.ReplaceAll(many(MaxModels, `"m#i":"why",`), "\n", ""), ",")+`}`, 1),
	} {
		if _, _, err := ReadList([]byte(text)); err != nil {
			t.Errorf("%.200q: %v", text, err)
		}
	}
}

// Nothing that a program prints makes reading its list fail otherwise than with
// an error, and what is read can be written and read again.
func FuzzReadList(f *testing.F) {
	f.Add([]byte(`# model {"name":"m","note":"n"}` + "\n" + `# workload {"name":"W","story":"s","op":"o","cases":["n=1"],"models":["m"]}`))
	f.Add([]byte("# model {}\n# workload {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		models, workloads, err := ReadList(text)
		if err != nil {
			return
		}
		again, err := WriteList(models, workloads)
		if err != nil {
			t.Fatal(err)
		}
		models2, workloads2, err := ReadList(again)
		if err != nil || len(models2) != len(models) || len(workloads2) != len(workloads) {
			t.Errorf("%q is written as %q, which is read with error %v", text, again, err)
		}
	})
}
