// The icons of the sprite, by the name that templates and modules use. The build stops when a
// name is used that is not listed, so that no page can show an empty square.
export const ICONS = [
  "activity", "alert-circle", "alert-octagon", "alert-triangle", "archive", "arrow-bar-to-down",
  "arrow-down", "arrow-left", "arrow-right", "arrow-up", "arrows-maximize", "arrows-minimize",
  "ban", "bolt", "book-2", "bookmark", "brand-bitbucket", "brand-github", "brand-gitlab", "building",
  "calendar-time", "check", "chevron-down", "chevron-left", "chevron-right", "chevron-up",
  "circle-check", "circle-x", "clock", "cloud", "cloud-download", "code", "columns-3", "copy", "cpu", "cup",
  "device-desktop", "dots", "download", "external-link", "eye", "file", "file-diff", "file-import", "file-zip",
  "filter", "flask", "folder", "forms", "gauge", "git-branch", "git-commit", "git-fork",
  "git-merge", "git-pull-request", "hand-click", "hand-stop", "history", "hourglass",
  "info-circle", "key", "language", "layout-dashboard", "link", "list-details", "loader-2", "lock",
  "lock-open", "logout", "mail", "menu-2", "message", "moon", "package", "pencil", "player-play",
  "player-skip-forward", "player-stop", "plug-connected", "plus", "refresh", "rotate-clockwise",
  "route", "search", "selector", "server-2", "settings", "sparkles", "shield-check", "shield-lock", "stack-2",
  "star", "sun", "tag", "terminal-2", "text-wrap", "timeline", "trash", "unlink", "user",
  "user-check", "user-plus", "users", "webhook", "world", "x",
];
