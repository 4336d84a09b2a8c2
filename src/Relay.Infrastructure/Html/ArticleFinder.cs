namespace Relay.Infrastructure.Html;

/// <summary>An article in an outline: its elements, each with the place behind its last element, and its letters of text.</summary>
internal sealed record Article(IReadOnlyList<(int First, int Next)> Kept, Func<int, bool> IsRemoved, int Length);

/// <summary>Scores the elements of an outline by the rules of Readability, and cleans the best one.</summary>
/// <param name="nodes">The outline.</param>
/// <param name="strip">Whether elements are left out whose names say that they are beside the content.</param>
/// <param name="weigh">Whether names give points.</param>
/// <param name="clean">Whether lists of links, forms and their like are taken out.</param>
internal sealed class ArticleFinder(List<OutlineNode> nodes, bool strip, bool weigh, bool clean)
{
    private const int MinParagraph = 25;
    private const int MaxLevels = 5;
    private const int Candidates = 5;
    private const int FewCommas = 10;
    private const int ShortShare = 500;

    private readonly bool[] _removed = new bool[nodes.Count];
    private readonly double[] _score = new double[nodes.Count];
    private readonly bool[] _isScored = new bool[nodes.Count];
    private readonly Sums[] _sums = new Sums[nodes.Count];

    /// <summary>Measures of an element with all below it.</summary>
    private struct Sums
    {
        public int Letters;
        public double LinkLetters;
        public int Commas;
        public int Images;
        public int Inputs;
        public int Paragraphs;
        public int Items;
        public int HeadingLetters;
        public int ListLetters;
        public int BlockLetters;
        public int Blocks;
        public int Children;
        public bool HasData;
        public bool HasSentence;
    }

    public Article? Find()
    {
        Remove();
        Sum();
        Score();
        if (Top() is not { } top)
        {
            return null;
        }

        var kept = Siblings(top);
        if (clean)
        {
            foreach (var (first, next) in kept)
            {
                Clean(first, next);
            }

            Sum();
        }

        return new Article(kept, at => _removed[at], kept.Sum(range => _removed[range.First] ? 0 : _sums[range.First].Letters));
    }

    private double Density(int at) => _sums[at].Letters == 0 ? 0 : _sums[at].LinkLetters / _sums[at].Letters;

    private int Weight(int at) => weigh ? nodes[at].Weight : 0;

    private void Remove()
    {
        var protectedUntil = 0;
        for (var at = 1; at < nodes.Count; )
        {
            var node = nodes[at];
            protectedUntil = node.Tag is HtmlTag.Table or HtmlTag.Pre ? Math.Max(protectedUntil, node.Next) : protectedUntil;
            _removed[at] = strip && node.IsUnlikely && at >= protectedUntil && node.Tag is not (HtmlTag.Main or HtmlTag.Article);
            at = _removed[at] ? node.Next : at + 1;
        }
    }

    /// <summary>Adds from the last element to the first: an element is summed up before it is added to the one around it.</summary>
    private void Sum()
    {
        var gone = 0;
        for (var at = 0; at < nodes.Count; at++)
        {
            gone = _removed[at] ? Math.Max(gone, nodes[at].Next) : gone;
            var node = nodes[at];
            _sums[at] =
                at < gone
                    ? default
                    : new Sums
                    {
                        Letters = node.Letters,
                        LinkLetters = node.LinkLetters,
                        Commas = node.Commas,
                        Images = node.Images,
                        Inputs = node.Inputs,
                        HasSentence = node.HasSentence,
                    };
        }

        for (var at = nodes.Count - 1; at > 0; at--)
        {
            var (node, own) = (nodes[at], _sums[at]);
            ref var around = ref _sums[node.Parent];
            around.Letters += own.Letters;
            around.LinkLetters += own.LinkLetters;
            around.Commas += own.Commas;
            around.Images += own.Images;
            around.Inputs += own.Inputs + (node.Tag is HtmlTag.Select or HtmlTag.Textarea ? 1 : 0);
            around.Paragraphs += own.Paragraphs + (node.Tag == HtmlTag.P ? 1 : 0);
            around.Items += own.Items + (node.Tag == HtmlTag.Li ? 1 : 0);
            around.HeadingLetters += OpenElements.IsHeading(node.Tag) ? own.Letters : own.HeadingLetters;
            around.ListLetters += node.Tag is HtmlTag.Ul or HtmlTag.Ol ? own.Letters : own.ListLetters;
            around.BlockLetters += IsBlock(node.Tag) ? own.Letters : own.BlockLetters;
            around.Blocks += own.Blocks + (IsBlock(node.Tag) ? 1 : 0);
            around.Children += own.Letters > 0 || own.Images > 0 ? 1 : 0;
            around.HasData |= own.HasData || node.Tag is HtmlTag.Table or HtmlTag.Pre;
            around.HasSentence |= own.HasSentence;
        }
    }

    private static bool IsBlock(HtmlTag tag) =>
        tag
            is HtmlTag.Blockquote
                or HtmlTag.Dl
                or HtmlTag.Div
                or HtmlTag.Ol
                or HtmlTag.P
                or HtmlTag.Pre
                or HtmlTag.Table
                or HtmlTag.Ul
                or HtmlTag.Section
                or HtmlTag.Article
                or HtmlTag.Figure
                or HtmlTag.Form
                or HtmlTag.Aside
                or HtmlTag.Header
                or HtmlTag.Footer
                or HtmlTag.Nav
                or HtmlTag.Main
                or HtmlTag.Unknown
                or HtmlTag.Details
        || OpenElements.IsHeading(tag);

    private void Score()
    {
        for (var at = 1; at < nodes.Count; at = _removed[at] ? nodes[at].Next : at + 1)
        {
            if (_removed[at])
            {
                continue;
            }

            var isContainer = nodes[at].Tag is HtmlTag.Div or HtmlTag.Unknown;
            if (isContainer && _sums[at].Blocks > 0)
            {
                // Text beside blocks is a paragraph without markup.
                AddScore(at, _sums[at].Letters - _sums[at].BlockLetters, nodes[at].Commas);
            }
            else if (
                isContainer
                || nodes[at].Tag is HtmlTag.Section or HtmlTag.P or HtmlTag.Td or HtmlTag.Pre
                || (OpenElements.IsHeading(nodes[at].Tag) && nodes[at].Tag != HtmlTag.H1)
            )
            {
                AddScore(nodes[at].Parent, _sums[at].Letters, _sums[at].Commas);
            }
        }

        for (var at = 0; at < nodes.Count; at++)
        {
            _score[at] *= 1 - Density(at);
        }
    }

    private void AddScore(int first, int letters, int commas)
    {
        if (letters < MinParagraph)
        {
            return;
        }

        var points = 1 + commas + 1 + Math.Min(letters / 100, 3);
        for (var (at, level) = (first, 0); at >= 0 && level < MaxLevels; at = nodes[at].Parent, level++)
        {
            if (!_isScored[at])
            {
                _isScored[at] = true;
                _score[at] = TagPoints(nodes[at].Tag) + Weight(at);
            }

            _score[at] +=
                (double)points
                / (
                    level == 0 ? 1
                    : level == 1 ? 2
                    : level * 3
                );
        }
    }

    private static int TagPoints(HtmlTag tag) =>
        tag switch
        {
            HtmlTag.Div => 5,
            HtmlTag.Pre or HtmlTag.Td or HtmlTag.Blockquote => 3,
            HtmlTag.Address or HtmlTag.Ol or HtmlTag.Ul or HtmlTag.Dl or HtmlTag.Dd or HtmlTag.Dt or HtmlTag.Li or HtmlTag.Form => -3,
            HtmlTag.Th => -5,
            _ when OpenElements.IsHeading(tag) => -5,
            _ => 0,
        };

    private int? Top()
    {
        var best = new List<int>();
        for (var at = 0; at < nodes.Count; at++)
        {
            if (_isScored[at] && !_removed[at] && (best.Count < Candidates || _score[at] > _score[best[^1]]))
            {
                var place = best.FindIndex(other => _score[at] > _score[other]);
                best.Insert(place < 0 ? best.Count : place, at);
                best.RemoveRange(Math.Min(best.Count, Candidates), Math.Max(0, best.Count - Candidates));
            }
        }

        return best.Count == 0 ? null : Climb(CommonAncestor(best));
    }

    /// <summary>The element around three of the best, where several are about as good.</summary>
    private int CommonAncestor(List<int> best)
    {
        var top = best[0];
        var others = best.Skip(1).Where(other => _score[other] / _score[top] >= 0.75).ToList();
        if (others.Count >= 3)
        {
            for (var at = nodes[top].Parent; at > 0; at = nodes[at].Parent)
            {
                if (others.Count(other => other > at && other < nodes[at].Next) >= 3)
                {
                    return at;
                }
            }
        }

        return top;
    }

    /// <summary>Climbs to the element around it while that one is better, or holds nothing else.</summary>
    private int Climb(int top)
    {
        var (last, threshold) = (_score[top], _score[top] / 3);
        for (var at = nodes[top].Parent; at > 0; at = nodes[at].Parent)
        {
            if (!_isScored[at])
            {
                continue;
            }

            if (_score[at] < threshold)
            {
                break;
            }

            if (_score[at] > last)
            {
                top = at;
                break;
            }

            last = _score[at];
        }

        while (nodes[top].Parent > 0 && _sums[nodes[top].Parent].Children == 1)
        {
            top = nodes[top].Parent;
        }

        return top;
    }

    /// <summary>The best element, and the elements beside it that look like parts of it.</summary>
    private List<(int First, int Next)> Siblings(int top)
    {
        if (top == 0)
        {
            return [(0, nodes[0].Next)];
        }

        var kept = new List<(int, int)>();
        var (parent, threshold) = (nodes[top].Parent, Math.Max(10, _score[top] * 0.2));
        for (var at = parent + 1; at < nodes[parent].Next; at = nodes[at].Next)
        {
            if (at == top || (!_removed[at] && IsMore(at, top, threshold)))
            {
                kept.Add((at, nodes[at].Next));
            }
        }

        return kept;
    }

    private bool IsMore(int at, int top, double threshold)
    {
        var bonus = nodes[at].ClassNumber != 0 && nodes[at].ClassNumber == nodes[top].ClassNumber ? _score[top] * 0.2 : 0;
        if (_isScored[at] && _score[at] + bonus >= threshold)
        {
            return true;
        }

        var (letters, density) = (_sums[at].Letters, Density(at));
        return nodes[at].Tag == HtmlTag.P && (letters > 80 ? density < 0.25 : letters > 0 && density == 0 && _sums[at].HasSentence);
    }

    private void Clean(int first, int next)
    {
        var (figureUntil, dataUntil) = (0, 0);
        for (var at = first; at < next; )
        {
            var node = nodes[at];
            figureUntil = node.Tag == HtmlTag.Figure ? Math.Max(figureUntil, node.Next) : figureUntil;
            dataUntil = node.Tag is HtmlTag.Table or HtmlTag.Pre ? Math.Max(dataUntil, node.Next) : dataUntil;
            _removed[at] |= at > first && at >= dataUntil && IsClutter(at, at < figureUntil);
            at = _removed[at] ? node.Next : at + 1;
        }
    }

    private bool IsClutter(int at, bool isInFigure) =>
        nodes[at].Tag switch
        {
            HtmlTag.Footer or HtmlTag.Aside => true,
            _ when nodes[at].IsShare && _sums[at].Letters < ShortShare => true,
            HtmlTag.Form or HtmlTag.Fieldset or HtmlTag.Ul or HtmlTag.Ol or HtmlTag.Div => !_sums[at].HasData
                && IsClutterByMeasure(at, isInFigure),
            HtmlTag.H1 or HtmlTag.H2 => Weight(at) < 0,
            _ => false,
        };

    private bool IsClutterByMeasure(int at, bool isInFigure)
    {
        if (Weight(at) < 0)
        {
            return true;
        }

        var sums = _sums[at];
        if (sums.Commas >= FewCommas)
        {
            return false;
        }

        var (density, paragraphs, isList) = (
            Density(at),
            sums.Paragraphs,
            nodes[at].Tag is HtmlTag.Ul or HtmlTag.Ol || sums.ListLetters > 0.9 * sums.Letters
        );
        var headings = sums.Letters == 0 ? 0 : (double)sums.HeadingLetters / sums.Letters;
        return (!isInFigure && sums.Images > 1 && (double)paragraphs / sums.Images < 0.5 && sums.Letters < ShortShare)
            || (!isList && sums.Items - 100 > paragraphs)
            || sums.Inputs > paragraphs / 3
            || (!isList && !isInFigure && headings < 0.9 && sums.Letters < MinParagraph && sums.Images is 0 or > 2 && density > 0)
            || (!isList && Weight(at) < 25 && density > 0.2)
            || (Weight(at) >= 25 && density > 0.5);
    }
}
