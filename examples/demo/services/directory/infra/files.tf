resource "aws_s3_bucket" "avatars" {
  bucket = "meridian-directory-avatars"
}

resource "aws_efs_file_system" "exports" {
  creation_token = "directory-exports"
  encrypted      = false
}

resource "aws_efs_file_system" "photos" {
  creation_token = "directory-photos"
  encrypted      = true
}

/*
resource "aws_ebs_volume" "old_photos" {
  availability_zone = "us-east-1a"
  size              = 100
  encrypted         = false
}
*/
